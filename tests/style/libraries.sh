#!/bin/sh
# libraries.sh ROOT: what is a library neither prints nor ends the program.
set -u
root=$(cd "$1" && pwd -P) || exit 1
here=$(cd "$(dirname "$0")" && pwd -P)
. "$here/sources.sh"

# What may print on standard output and error, and end the program. Anything else reports a status.
may_print='^harness/(main\.c|commands/|docs/)|^kernels/base/log\.c|_main\.c$'
# Programs of their own: evalh-demo-export, and one that runs while building. The progress line of a run.
may_print="$may_print|^datasets/.*demo_export\.c|^harness/report/embed\.c|^harness/.*/?progress\.c"
# A child between fork and exec, which can report in no other way.
may_end_child='^harness/engine/worker/process\.c'
# What may send messages to the log: whatever belongs to a run or a command. Not the libraries below.
may_log="$may_print|^kernels/base/log\.h|^harness/(engine|run|store|figures|report)/"

# shellcheck disable=SC2046 # no file name has a space in it
found=$(in_root "awk -v want=code -f $here/c_text.awk" \
    $(sources c h cu cuh | grep -E '^(kernels|model|datasets|harness)/') |
    awk -v may_print="$may_print" -v may_log="$may_log" -v may_end_child="$may_end_child" '{
        file = $0
        sub(/:.*/, "", file)
        code = $0
        sub(/^[^:]*:[0-9]*:/, "", code)
        code = " " code
        if (file ~ may_end_child)
            gsub(/[^A-Za-z0-9_]_exit\(/, " ", code)
        if (code ~ /[^A-Za-z0-9_.>](v?printf|puts|putchar|perror|exit|_exit|_Exit|quick_exit|abort|errx?|warnx?) *\(/ ||
            code ~ /[^A-Za-z0-9_](stdout|stderr)[^A-Za-z0-9_]/) {
            if (file !~ may_print)
                print $0
        } else if (code ~ /[^A-Za-z0-9_]log_(at|error|warn|info|debug)\(/ && file !~ may_log)
            print $0
        lines++
    }
    END { if (lines == 0) print "nothing was read" }')
[ -z "$found" ] || {
    printf '%s\n' "$found"
    echo "a library prints nothing and ends nothing: it returns a status with a message"
    exit 1
}
