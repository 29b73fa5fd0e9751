# Cost centres -> sum per centre, in cents.
BEGIN { FS = "\t"; system("mkdir -p work") }
FNR > 1 { if (!($2 in sum)) order[++count] = $2; sum[$2] += cents($3) }
END { for (i = 1; i <= count; i++) printf "%s\t%.0f\n", order[i], sum[order[i]] > "work/costs.tsv"; print count " cost centres" }
