# Sums -> work/deck.json for documents.write_pptx.
BEGIN { FS = "\t"; o = "work/deck.json" }
FILENAME ~ /regions.tsv/ { region[++rc] = $1; net[$1] = $2 - $3; refund[$1] = $3; gross[$1] = $2; g += $2; f += $3 }
FILENAME ~ /plan.tsv/ { plan[$1] = $2; p += $2 }
FILENAME ~ /months.tsv/ { month[++mc] = $1; month_net[$1] = $2 - $3 }
FILENAME ~ /margins.tsv/ { if (!($3 in cat)) cats[++cc] = $3; cat[$3] += $5; cogs += $6 }
FILENAME ~ /costs.tsv/ { k += $2 }
function list(count, names,   i, out) { for (i = 1; i <= count; i++) out = out (i > 1 ? ", " : "") quote(names[i]); return out }
function amounts(count, names, sums,   i, out) { for (i = 1; i <= count; i++) out = out (i > 1 ? ", " : "") euro(sums[names[i]]); return out }
END {
    n = g - f
    printf "{ \"slides\": [\n{ \"title\": \"Third quarter 2026\", \"subtitle\": \"Alder & Finch Outfitters. Figures in EUR, from the ledgers of July to September\" },\n" > o
    printf "{ \"title\": \"The quarter in four lines\", \"bullets\": [\n" > o
    printf "{ \"text\": \"Net revenue %s\", \"bullets\": [\"plan %s, variance %s\"] },\n", money(n), money(p), signed(percent(n - p, p)) > o
    printf "{ \"text\": \"Gross margin %s\", \"bullets\": [\"gross profit %s after cost of goods %s\"] },\n", percent(n - cogs, n), money(n - cogs), money(cogs) > o
    printf "{ \"text\": \"Returns %s of gross revenue\", \"bullets\": [\"refunds %s\"] },\n", percent(f, g), money(f) > o
    printf "\"Operating result %s\"], \"notes\": \"Sources: sales.csv, returns.csv, regional-plan.xlsx, products.html, cost-centres.tsv.\" },\n", money(n - cogs - k) > o
    printf "{ \"title\": \"Net revenue and plan by region\", \"chart\": { \"type\": \"bar\", \"format\": \"#,##0\", \"categories\": [%s], \"series\": [{ \"name\": \"Plan\", \"values\": [%s] }, { \"name\": \"Net revenue\", \"values\": [%s] }] } },\n", list(rc, region), amounts(rc, region, plan), amounts(rc, region, net) > o
    printf "{ \"title\": \"Regions in figures\", \"table\": { \"header\": [\"Region\", \"Net revenue\", \"Plan\", \"Variance\", \"Return rate\"], \"rows\": [" > o
    for (i = 1; i <= rc; i++) { r = region[i]; printf "%s[%s, %s, %s, %s, %s]", (i > 1 ? ", " : ""), quote(r), quote(money(net[r])), quote(money(plan[r])), quote(signed(percent(net[r] - plan[r], plan[r]))), quote(percent(refund[r], gross[r])) > o }
    printf "] } },\n{ \"title\": \"Month by month\", \"chart\": { \"type\": \"line\", \"format\": \"#,##0\", \"categories\": [%s], \"series\": [{ \"name\": \"Net revenue\", \"values\": [%s] }] } },\n", list(mc, month), amounts(mc, month, month_net) > o
    printf "{ \"title\": \"What sold\", \"bullets\": [\"%d categories\", \"prices as on the product list\"], \"chart\": { \"type\": \"pie\", \"categories\": [%s], \"series\": [{ \"name\": \"Net revenue\", \"values\": [%s] }] } }\n] }\n", cc, list(cc, cats), amounts(cc, cats, cat) > o
    print "slides described"
}
