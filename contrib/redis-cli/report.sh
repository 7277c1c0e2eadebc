# shellcheck shell=sh
# Reports: rows of tab-separated cells, an empty one for what there is not, as a table, CSV or JSON. Of the last
# column a cell is a list, comma-separated. Read by reeve-admin.

# print_report_text <columns> <file>: nothing where there are no rows.
print_report_text() {
    awk -F '\t' -v columns="$1" '
        BEGIN {
            most = split(toupper(columns), title, " ")
            for (i = 1; i <= most; i++) width[i] = length(title[i])
        }
        function cell(i, text) {
            return i == most ? text : sprintf("%-" (width[i] + 2) "s", text)
        }
        function line(i, text) {
            text = ""
            for (i = 1; i <= most; i++) text = text cell(i, $i == "" ? "-" : $i)
            print text
        }
        NR == FNR {
            for (i = 1; i < most; i++) if (length($i) > width[i]) width[i] = length($i)
            next
        }
        FNR == 1 {
            text = ""
            for (i = 1; i <= most; i++) text = text cell(i, title[i])
            print text
        }
        { line() }' "$2" "$2"
}

# print_report_csv <columns> <file>: RFC 4180. What a spreadsheet would take for a formula gets a quote in front.
print_report_csv() {
    printf '%s\r\n' "$1" | tr ' ' ','
    awk -F '\t' -v columns="$1" '
    BEGIN { most = split(columns, name, " ") }
    {
        text = ""
        for (i = 1; i <= most; i++) {
            value = $i
            if (value ~ /^[=+@-]/) value = "\047" value
            gsub(/"/, "\"\"", value)
            text = text (i > 1 ? "," : "") "\"" value "\""
        }
        printf "%s\r\n", text
    }' "$2"
}

# print_report_json <columns> <file>: RFC 8259, an array, one object a line; null for what there is not.
print_report_json() {
    awk -F '\t' -v columns="$1" '
        function quoted(text, out, i, c) {
            if (text !~ /["\\]/) return "\"" text "\""
            out = ""
            for (i = 1; i <= length(text); i++) {
                c = substr(text, i, 1)
                out = out (c == "\"" || c == "\\" ? "\\" : "") c
            }
            return "\"" out "\""
        }
        function list(text, names, count, out, i) {
            count = split(text, names, ",")
            out = ""
            for (i = 1; i <= count; i++) out = out (i > 1 ? "," : "") quoted(names[i])
            return "[" out "]"
        }
        BEGIN { most = split(columns, name, " "); printf "[" }
        {
            line = (NR > 1 ? "," : "") "\n{"
            for (i = 1; i < most; i++) {
                line = line quoted(name[i]) ":" ($i == "" ? "null" : quoted($i)) ","
            }
            printf "%s%s:%s}", line, quoted(name[most]), list($most)
        }
        END { print "\n]" }' "$2"
}
