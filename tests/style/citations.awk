# First the specification's files (docs/spec*), then the sources: see citations.sh.
function complain(what) {
    print FILENAME ":" FNR ": " what
    bad = 1
}
# Every number in `list`, "5.1, 5.2 and 6-8", must be a heading's. The specification comes first, but
# refers to what is still to come: wait with the verdict.
function cite(list, word,    number, n, i) {
    n = split(list, number, /[^0-9.]+/)
    for (i = 1; i <= n; i++)
        if (number[i] != "") {
            cited++
            where[cited] = FILENAME ":" FNR
            what[cited] = word
            which[cited] = number[i]
        }
}
BEGIN {
    one = "[0-9]+(\\.[0-9]+)*"
    list_of = one "((, and|,| and| to|-|\342\200\223) ?" one ")*"
}
FILENAME ~ /^docs\/spec/ && /^##+ [0-9]/ {
    if ($2 in heading)
        complain("section " $2 " has a heading in " heading[$2] ", too")
    heading[$2] = FILENAME
}
FNR == 1 { carry = "" }
{
    line = $0
    if (carry != "") { # a list that goes on in the next line of a comment
        sub(/^[ \t*\/;#]*/, "", line)
        line = carry " " line
    }
    word = FILENAME ~ /^docs\/spec/ ? "[Ss]ections? " : "SPEC "
    if (FILENAME !~ /^docs\/spec/ && line ~ /(^|[^A-Za-z])(SPEC|SCORES|METHODS|FAMILIES)\.md/)
        complain("the specification is docs/spec.md")
    rest = line
    while (match(rest, word list_of)) {
        # A word that only ends so, or one in another document
        before = RSTART > 1 ? substr(rest, RSTART - 1, 1) : " "
        if (before !~ /[A-Za-z]/)
            cite(substr(rest, RSTART, RLENGTH), FILENAME ~ /^docs\/spec/ ? "section" : "SPEC")
        rest = substr(rest, RSTART + RLENGTH)
    }
    carry = ""
    if (match(line, "(" word ")" list_of "(,| and)$") || match(line, /(SPEC|[Ss]ections?)$/))
        carry = substr(line, RSTART)
}
END {
    for (i = 1; i <= cited; i++)
        if (!(which[i] in heading)) {
            print where[i] ": " what[i] " " which[i] ": docs/spec.md has no such section"
            bad = 1
        }
    print cited + 0 " citations, " length_of(heading) " sections"
    exit bad
}
function length_of(array,    key, n) {
    for (key in array)
        n++
    return n + 0
}
