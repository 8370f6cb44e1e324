# -v check=columns or check=sizes: see layout.sh.
function complain(line, what) {
    print name ":" line ": " what
    bad = 1
}
function end_file() {
    if (check == "sizes" && last > 450)
        complain(last, last " lines; a file has 450 at most")
}
FNR == 1 {
    end_file()
    name = FILENAME
    open = 0
}
{
    last = FNR
    columns = $0
    gsub(/[\200-\277]/, "", columns) # a character's second byte and those after it
    if (check == "columns" && length(columns) > 100)
        complain(FNR, length(columns) " columns; a line has 100 at most")
}
/^\{/ { open = FNR }
/^\}/ {
    if (check == "sizes" && open && FNR - open - 1 > 60)
        complain(open, "a function body of " FNR - open - 1 " lines; it has 60 at most")
    functions += open > 0
    open = 0
}
END {
    end_file()
    print NR " lines, " functions + 0 " functions"
    exit bad || functions == 0
}
