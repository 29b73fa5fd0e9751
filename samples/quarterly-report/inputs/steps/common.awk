# Shared by the steps. Money is counted in whole cents: sums of decimal fractions would drift.
function cents(text) { return int(text * 100 + (text < 0 ? -0.5 : 0.5)) }
function euro(c) { return sprintf("%.2f", c / 100) }
function ratio(a, b) { return sprintf("%.4f", b == 0 ? 0 : a / b) }
function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }

# 1234567 cents -> 12,345.67
function money(c,   sign, whole, out) {
    sign = c < 0 ? "-" : ""
    if (c < 0) c = -c
    whole = sprintf("%.0f", int(c / 100))
    out = sprintf(".%02d", c % 100)
    while (length(whole) > 3) { out = "," substr(whole, length(whole) - 2) out; whole = substr(whole, 1, length(whole) - 3) }
    return sign whole out
}
function percent(a, b) { return b == 0 ? "n/a" : sprintf("%.1f %%", 100 * a / b) }
function signed(text) { return text ~ /^-/ ? text : "+" text }
function quote(text) { gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); return "\"" text "\"" }
