# Ledger and returns -> sums by region, month and product, in cents.
# A quoted reason in the returns may run over several lines, so a record is a line that begins with a return id.
BEGIN { FS = ","; system("mkdir -p work") }
FNR == 1 { next }
FILENAME ~ /sales/ {
    c = $5 * cents($6)
    region[$1] = $3; sku[$1] = $4
    if (!($3 in gross_region)) regions[++region_count] = $3
    if (!($4 in gross_sku)) skus[++sku_count] = $4
    month = substr($2, 1, 7)
    gross_region[$3] += c; gross_sku[$4] += c; gross_month[month] += c
    sold[$4] += $5; orders++
}
FILENAME ~ /returns/ && /^R-[0-9]+,SO-/ {
    if (!($2 in region)) { print "return " $1 " names the unknown order " $2 > "/dev/stderr"; bad = 1; exit 1 }
    c = cents($5)
    refund_region[region[$2]] += c; refund_sku[sku[$2]] += c; refund_month[substr($3, 1, 7)] += c
    back[sku[$2]] += $4
}
END {
    if (bad) exit 1
    for (i = 1; i <= region_count; i++) { r = regions[i]; printf "%s\t%.0f\t%.0f\n", r, gross_region[r], refund_region[r] > "work/regions.tsv" }
    for (i = 1; i <= sku_count; i++) { s = skus[i]; printf "%s\t%d\t%d\t%.0f\t%.0f\n", s, sold[s], back[s], gross_sku[s], refund_sku[s] > "work/skus.tsv" }
    for (m = 7; m <= 9; m++) { k = sprintf("2026-%02d", m); printf "%s\t%.0f\t%.0f\n", k, gross_month[k], refund_month[k] > "work/months.tsv" }
    printf "%d\n", orders > "work/orders.txt"
    print orders " orders in " region_count " regions"
}
