# Takes C apart. -v want=strings: every string literal, adjacent ones joined; -v want=code: every line
# without its comments and with empty literals. Output: FILE:LINE:TEXT.
function flush_string() {
    if (have && want == "strings")
        print name ":" at ":" text
    have = 0
    text = ""
}
FNR == 1 {
    flush_string()
    in_comment = in_string = 0
    name = FILENAME
}
{
    rest = $0
    code = ""
    if (rest ~ /^[ \t]*#[ \t]*include/) # a file name, and no text
        rest = ""
    while (rest != "") {
        if (in_comment) {
            if (!match(rest, /\*\//))
                break
            rest = substr(rest, RSTART + 2)
            in_comment = 0
        } else if (in_string) {
            if (!match(rest, /["\\]/)) {
                text = text rest
                break
            }
            text = text substr(rest, 1, RSTART - 1)
            if (substr(rest, RSTART, 1) == "\\") {
                text = text substr(rest, RSTART, 2)
                rest = substr(rest, RSTART + 2)
            } else {
                rest = substr(rest, RSTART + 1)
                in_string = 0
            }
        } else {
            if (match(rest, /["']|\/[*\/]/))
                before = substr(rest, 1, RSTART - 1)
            else
                before = rest
            if (before ~ /[^ \t]/)
                flush_string()
            code = code before
            if (before == rest)
                break
            found = substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
            if (found == "//")
                break
            if (found == "/*") {
                in_comment = 1
                code = code " "
            } else if (found == "\"") {
                in_string = 1
                code = code "\"\""
                if (!have)
                    at = FNR
                have = 1
            } else if (before ~ /[0-9a-fA-F]$/ && rest ~ /^[0-9a-fA-F]/ && rest !~ /^.'/) {
                code = code "'" # 1'000
            } else if (match(rest, /^(\\.[^']*|[^'\\])'/)) {
                code = code "''"
                rest = substr(rest, RLENGTH + 1)
            }
        }
    }
    if (in_string && $0 !~ /\\$/)
        in_string = 0
    if (want == "code" && code ~ /[^ \t]/)
        print name ":" FNR ":" code
}
END { flush_string() }
