# Product page (as Markdown) and sums by product -> net revenue and cost of goods by product. Returned pieces go back into stock at cost.
BEGIN { FS = "\t" }
FILENAME ~ /products/ && /^\| [A-Z][A-Z]-[0-9]+ \|/ {
    split($0, cell, "|")
    s = trim(cell[2]); name[s] = trim(cell[3]); category[s] = trim(cell[4]); cost[s] = cents(trim(cell[6]))
    order[++count] = s
}
FILENAME ~ /skus/ { pieces[$1] = $2 - $3; net[$1] = $4 - $5; if (!($1 in cost)) { print "no unit cost for " $1 > "/dev/stderr"; exit 1 } }
END {
    for (i = 1; i <= count; i++) { s = order[i]; printf "%s\t%s\t%s\t%d\t%.0f\t%.0f\n", s, name[s], category[s], pieces[s], net[s], pieces[s] * cost[s] > "work/margins.tsv" }
    print count " products"
}
