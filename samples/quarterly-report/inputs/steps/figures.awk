# All sums -> work/figures.json: what the report, the workbook and the slides are made from.
BEGIN { FS = "\t" }
FILENAME ~ /regions.tsv/ { region[++rc] = $1; gross[$1] = $2; refund[$1] = $3; net[$1] = $2 - $3; g += $2; f += $3 }
FILENAME ~ /plan.tsv/ { plan[$1] = $2; p += $2 }
FILENAME ~ /months.tsv/ { month[++mc] = $1; month_net[$1] = $2 - $3 }
FILENAME ~ /margins.tsv/ { if (!($3 in cat_net)) cat[++cc] = $3; cat_net[$3] += $5; cat_cost[$3] += $6; pieces += $4; cogs += $6 }
FILENAME ~ /costs.tsv/ { centre[++kc] = $1; centre_sum[$1] = $2; k += $2 }
FILENAME ~ /orders.txt/ { orders = $1 }
FILENAME ~ /survey/ && /^[A-Z][a-z]+ +[0-9]+ +-?[0-9]+$/ { split($0, w, " "); answers[w[1]] = w[2]; score[w[1]] = w[3]; a += w[2]; weighted += w[2] * w[3] }
FILENAME ~ /headcount/ && /^\| .* \| [0-9]+ \| [0-9]+ \|$/ { split($0, w, "|"); people += trim(w[4]) }
FILENAME ~ /company/ { if (match($0, /"gross_margin": *[0-9.]+/)) margin_goal = value(); if (match($0, /"return_rate_max": *[0-9.]+/)) return_goal = value() }
function value(   text) { text = substr($0, RSTART, RLENGTH); sub(/.*: */, "", text); return text }
END {
    n = g - f; profit = n - cogs; result = profit - k
    best = worst = region[1]
    for (i = 1; i <= rc; i++) { r = region[i]; if ((net[r] - plan[r]) / plan[r] > (net[best] - plan[best]) / plan[best]) best = r; if ((net[r] - plan[r]) / plan[r] < (net[worst] - plan[worst]) / plan[worst]) worst = r }
    for (i = 1; i <= rc; i++) { r = region[i]; if (refund[r] / gross[r] > return_goal) over = over (over == "" ? "" : ", ") r }

    o = "work/figures.json"
    printf "{\n  \"currency\": \"EUR\",\n  \"quarter\": \"Q3 2026\",\n" > o
    printf "  \"totals\": {\n    \"orders\": %d, \"pieces\": %d, \"people\": %d,\n", orders, pieces, people > o
    printf "    \"gross_revenue\": %s, \"refunds\": %s, \"net_revenue\": %s,\n", euro(g), euro(f), euro(n) > o
    printf "    \"plan\": %s, \"variance\": %s, \"variance_ratio\": %s, \"return_rate\": %s,\n", euro(p), euro(n - p), ratio(n - p, p), ratio(f, g) > o
    printf "    \"cost_of_goods\": %s, \"gross_profit\": %s, \"gross_margin\": %s,\n", euro(cogs), euro(profit), ratio(profit, n) > o
    printf "    \"operating_costs\": %s, \"operating_result\": %s, \"net_per_head\": %s, \"survey_score\": %.1f\n  },\n", euro(k), euro(result), euro(n / people), weighted / a > o
    printf "  \"targets\": { \"gross_margin\": %s, \"return_rate_max\": %s },\n  \"regions\": [\n", margin_goal, return_goal > o
    for (i = 1; i <= rc; i++) {
        r = region[i]
        printf "    { \"name\": %s, \"gross_revenue\": %s, \"refunds\": %s, \"net_revenue\": %s, \"plan\": %s, \"variance\": %s, \"variance_ratio\": %s, \"return_rate\": %s, \"survey_score\": %d }%s\n", \
            quote(r), euro(gross[r]), euro(refund[r]), euro(net[r]), euro(plan[r]), euro(net[r] - plan[r]), ratio(net[r] - plan[r], plan[r]), ratio(refund[r], gross[r]), score[r], (i < rc ? "," : "") > o
        table = table sprintf("| %s | %s | %s | %s | %s | %d |\\n", r, money(net[r]), money(plan[r]), signed(percent(net[r] - plan[r], plan[r])), percent(refund[r], gross[r]), score[r])
    }
    printf "  ],\n  \"months\": [\n" > o
    for (i = 1; i <= mc; i++) printf "    { \"month\": %s, \"net_revenue\": %s }%s\n", quote(month[i]), euro(month_net[month[i]]), (i < mc ? "," : "") > o
    printf "  ],\n  \"categories\": [\n" > o
    for (i = 1; i <= cc; i++) {
        c = cat[i]
        printf "    { \"name\": %s, \"net_revenue\": %s, \"cost_of_goods\": %s, \"gross_margin\": %s }%s\n", quote(c), euro(cat_net[c]), euro(cat_cost[c]), ratio(cat_net[c] - cat_cost[c], cat_net[c]), (i < cc ? "," : "") > o
        categories = categories sprintf("| %s | %s | %s |\\n", c, money(cat_net[c]), percent(cat_net[c] - cat_cost[c], cat_net[c]))
    }
    printf "  ],\n  \"costs\": [\n" > o
    for (i = 1; i <= kc; i++) {
        printf "    { \"centre\": %s, \"amount\": %s }%s\n", quote(centre[i]), euro(centre_sum[centre[i]]), (i < kc ? "," : "") > o
        costs = costs sprintf("| %s | %s |\\n", centre[i], money(centre_sum[centre[i]]))
    }
    printf "  ],\n  \"text\": {\n" > o
    printf "    \"orders\": \"%d\", \"people\": \"%d\", \"gross\": \"%s\", \"refunds\": \"%s\", \"net\": \"%s\", \"plan\": \"%s\",\n", orders, people, money(g), money(f), money(n), money(p) > o
    printf "    \"variance\": \"%s\", \"variance_percent\": \"%s\", \"return_rate\": \"%s\", \"gross_profit\": \"%s\", \"gross_margin\": \"%s\",\n", signed(money(n - p)), signed(percent(n - p, p)), percent(f, g), money(profit), percent(profit, n) > o
    printf "    \"operating_costs\": \"%s\", \"operating_result\": \"%s\", \"net_per_head\": \"%s\", \"survey_score\": \"%.1f\",\n", money(k), money(result), money(n / people), weighted / a > o
    printf "    \"best_region\": \"%s\", \"best_variance\": \"%s\", \"worst_region\": \"%s\", \"worst_variance\": \"%s\",\n", best, signed(percent(net[best] - plan[best], plan[best])), worst, signed(percent(net[worst] - plan[worst], plan[worst])) > o
    printf "    \"margin_verdict\": \"%s\", \"returns_verdict\": \"%s\", \"regions_over_limit\": \"%s\",\n", (profit / n >= margin_goal ? "reached" : "missed"), (f / g <= return_goal ? "kept" : "exceeded"), (over == "" ? "none" : over) > o
    printf "    \"margin_goal\": \"%s\", \"return_goal\": \"%s\",\n", percent(margin_goal, 1), percent(return_goal, 1) > o
    printf "    \"region_table\": \"%s\",\n    \"category_table\": \"%s\",\n    \"cost_table\": \"%s\"\n  }\n}\n", table, categories, costs > o
    print "net revenue " money(n) " EUR"
}
