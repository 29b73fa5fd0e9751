# Regional plan (as Markdown) -> planned net revenue per region, in cents; each row is checked against its own total.
/^\| [A-Z][a-z]+ \| [0-9.]+ \| [0-9.]+ \|/ {
    split($0, cell, "|")
    total = cents(trim(cell[3])) + cents(trim(cell[4])) + cents(trim(cell[5]))
    if (total != cents(trim(cell[6]))) { print "the plan of" cell[2] "does not add up" > "/dev/stderr"; exit 1 }
    printf "%s\t%.0f\n", trim(cell[2]), total > "work/plan.tsv"
    count++
}
END { if (count == 0) { print "no plan found" > "/dev/stderr"; exit 1 } print count " regions planned" }
