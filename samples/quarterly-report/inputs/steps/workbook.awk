# Sums -> work/workbook.json for documents.write_xlsx. Cells that follow from others are formulas, so that a reader can see how.
BEGIN { FS = "\t"; o = "work/workbook.json" }
FILENAME ~ /regions.tsv/ { region[++rc] = $1; gross[$1] = $2; refund[$1] = $3 }
FILENAME ~ /plan.tsv/ { plan[$1] = $2 }
FILENAME ~ /months.tsv/ { month[++mc] = $1; month_gross[$1] = $2; month_refund[$1] = $3 }
FILENAME ~ /margins.tsv/ { product[++pc] = $0 }
FILENAME ~ /costs.tsv/ { centre[++kc] = $1; cost[$1] = $2 }
function f(text, format) { return "{ \"formula\": " quote(text) (format == "" ? "" : ", \"format\": " quote(format)) " }" }
function b(text, format) { return "{ \"formula\": " quote(text) ", \"bold\": true" (format == "" ? "" : ", \"format\": " quote(format)) " }" }
END {
    money_format = "#,##0.00"; share = "0.0%"
    last = rc + 1; total = rc + 2
    printf "{ \"sheets\": [\n{ \"name\": \"Regions\", \"columns\": [{\"width\":14}" > o
    for (i = 0; i < 5; i++) printf ", {\"width\":15,\"format\":\"%s\"}", money_format > o
    printf ", {\"width\":13,\"format\":\"%s\"}, {\"width\":13,\"format\":\"%s\"}],\n\"rows\": [\n[\"Region\",\"Plan\",\"Gross revenue\",\"Refunds\",\"Net revenue\",\"Variance\",\"Variance %%\",\"Return rate\"]", share, share > o
    for (i = 1; i <= rc; i++) {
        r = region[i]; n = i + 1
        printf ",\n[%s, %s, %s, %s, %s, %s, %s, %s]", quote(r), euro(plan[r]), euro(gross[r]), euro(refund[r]), f("C" n "-D" n), f("E" n "-B" n), f("F" n "/B" n), f("D" n "/C" n) > o
    }
    printf ",\n[{\"value\":\"Total\",\"bold\":true}" > o
    for (i = 2; i <= 5; i++) { c = substr("ABCDE", i, 1); printf ", %s", b("SUM(" c "2:" c last ")") > o }
    printf ", %s, %s, %s]],\n", b("E" total "-B" total), b("F" total "/B" total), b("D" total "/C" total) > o
    printf "\"charts\": [{\"type\":\"bar\",\"title\":\"Net revenue and plan by region (EUR)\",\"categories\":\"A2:A%d\",\"series\":[{\"name\":\"B1\",\"values\":\"B2:B%d\"},{\"name\":\"E1\",\"values\":\"E2:E%d\"}],\"anchor\":\"A%d\",\"width\":8,\"height\":18}] },\n", last, last, last, total + 2 > o

    printf "{ \"name\": \"Months\", \"columns\": [{\"width\":12},{\"width\":15,\"format\":\"%s\"},{\"width\":15,\"format\":\"%s\"},{\"width\":15,\"format\":\"%s\"}],\n\"rows\": [[\"Month\",\"Gross revenue\",\"Refunds\",\"Net revenue\"]", money_format, money_format, money_format > o
    for (i = 1; i <= mc; i++) printf ",\n[%s, %s, %s, %s]", quote(month[i]), euro(month_gross[month[i]]), euro(month_refund[month[i]]), f("B" i + 1 "-C" i + 1) > o
    printf "],\n\"charts\": [{\"type\":\"line\",\"title\":\"Net revenue by month (EUR)\",\"categories\":\"A2:A%d\",\"series\":[{\"name\":\"D1\",\"values\":\"D2:D%d\"}],\"anchor\":\"F2\",\"width\":8,\"height\":16}] },\n", mc + 1, mc + 1 > o

    printf "{ \"name\": \"Products\", \"columns\": [{\"width\":10},{\"width\":24},{\"width\":12},{\"width\":9,\"format\":\"#,##0\"},{\"width\":15,\"format\":\"%s\"},{\"width\":15,\"format\":\"%s\"},{\"width\":12,\"format\":\"%s\"}],\n\"rows\": [[\"SKU\",\"Product\",\"Category\",\"Pieces\",\"Net revenue\",\"Cost of goods\",\"Margin\"]", money_format, money_format, share > o
    for (i = 1; i <= pc; i++) { split(product[i], w, "\t"); n = i + 1; printf ",\n[%s, %s, %s, %d, %s, %s, %s]", quote(w[1]), quote(w[2]), quote(w[3]), w[4], euro(w[5]), euro(w[6]), f("(E" n "-F" n ")/E" n) > o }
    n = pc + 2
    printf ",\n[{\"value\":\"Total\",\"bold\":true}, null, null, %s, %s, %s, %s]],\n", b("SUM(D2:D" pc + 1 ")"), b("SUM(E2:E" pc + 1 ")"), b("SUM(F2:F" pc + 1 ")"), b("(E" n "-F" n ")/E" n) > o
    printf "\"charts\": [{\"type\":\"pie\",\"title\":\"Net revenue by product\",\"categories\":\"B2:B%d\",\"series\":[{\"name\":\"E1\",\"values\":\"E2:E%d\"}],\"anchor\":\"I2\",\"width\":8,\"height\":18}] },\n", pc + 1, pc + 1 > o

    printf "{ \"name\": \"Result\", \"header\": true, \"columns\": [{\"width\":26},{\"width\":16,\"format\":\"%s\"},{\"width\":44}],\n\"rows\": [[\"Line\",\"EUR\",\"From\"],\n", money_format > o
    printf "[\"Net revenue\", %s, \"sales.csv, returns.csv\"],\n[\"Cost of goods\", %s, \"products.html\"],\n[{\"value\":\"Gross profit\",\"bold\":true}, %s, null],\n", f("Regions!E" total), f("-Products!F" n), b("B2+B3") > o
    for (i = 1; i <= kc; i++) printf "[%s, -%s, \"cost-centres.tsv\"],\n", quote(centre[i]), euro(cost[centre[i]]) > o
    printf "[{\"value\":\"Operating result\",\"bold\":true}, %s, null]] }\n] }\n", b("SUM(B4:B" kc + 4 ")") > o
    print "workbook described"
}
