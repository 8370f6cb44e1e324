#!/bin/bash
# planted.sh CC: a small clean tree passes the checks of this folder; with one fault of each kind
# planted, they find it and name its place.
set -u
CC=$1
here=$(cd "$(dirname "$0")" && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$(cd "$work" && mkdir tree && cd tree && pwd -P)
failed=0

clean_tree() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree"/{docs/spec,configs,kernels/base,model,harness/commands,build}
    cd "$tree" || exit 1
    printf '# The specification\n' >docs/spec.md
    printf '## 1 Notation\n\nSection 2.1 has files.\n\n## 2 Models\n\n### 2.1 Files\n' >docs/spec/protocol.md
    printf '# Demo\n\nThe first section has 2 lines.\n' >README.md
    printf '; a key\n[run]\nname = 1\n' >configs/demo.ini
    # What is no fault: words in comments and strings, a quote in a character, a long line by bytes alone.
    cat >model/vim.c <<'END'
/* The scan (SPEC 2.1, 1 and
 * 2). It could printf("..."), "abort()" or exit(1), but does not. */
#include "vim.h"

const char *vim_text = "never printf(\"x\") or // SPECTRUM 5"; // 'abort()' puts("")
char vim_quote = '"', vim_escape = '\'';
/* äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü äöüäöüäöüäöüäöü */

int vim_fail(int n)
{
    return n;
}
END
    printf '#pragma once\n#include <stddef.h>\nint vim_fail(int n);\nextern size_t vim_size;\n' >model/vim.h
    printf '#include <stdio.h>\nint info(void)\n{\n    return printf("2 sections\\n");\n}\n' >harness/commands/info.c
    printf '[{\n"directory": "%s",\n"command": "%s -I../model -c ../model/vim.c",\n"file": "../model/vim.c"\n}]\n' \
        "$tree/build" "$CC" >build/compile_commands.json
}

run() { # run CHECK: its exit code; what it said is in $work/said
    case $1 in
    headers) bash "$here/headers.sh" "$tree" "$tree/build" ;;
    columns | sizes) bash "$here/layout.sh" "$tree" "$1" ;;
    *) bash "$here/$1.sh" "$tree" ;;
    esac >"$work/said" 2>&1
}

passes() { # passes CHECK
    run "$1" && return
    echo "FAIL: $1 finds a fault in the clean tree:"
    sed 's/^/    /' "$work/said"
    failed=1
}

finds() { # finds CHECK PLACE: after a fault was planted
    if run "$1"; then
        echo "FAIL: $1 does not find the fault in $2"
        failed=1
    elif ! grep -q "^$2" "$work/said"; then
        echo "FAIL: $1 fails, but does not name $2:"
        sed 's/^/    /' "$work/said"
        failed=1
    else
        echo "ok: $1: $(grep -m 1 "^$2" "$work/said")"
    fi
    clean_tree
}

plant() { # plant FILE CHECK PLACE FORMAT...: CHECK finds what printf FORMAT... adds to FILE
    # shellcheck disable=SC2059
    printf "${@:4}" >>"$1"
    finds "$2" "$3"
}

clean_tree
for check in citations messages columns sizes libraries names headers; do
    passes $check
done

plant model/vim.c citations model/vim.c:13 '/* SPEC 2.2 */\n'
plant model/vim.c citations model/vim.c:14 '/* SPEC 1,\n * 2 and 7: the list goes on in the next line */\n'
echo '# SPEC 3' >scripts.sh
finds citations scripts.sh:1
plant docs/spec/protocol.md citations docs/spec/protocol.md:8 'As section 9 says.\n'
plant docs/spec/protocol.md citations docs/spec/protocol.md:8 '## 2 Again\n'
plant model/vim.c citations model/vim.c:13 '/* as SPEC''.md says */\n'

plant model/vim.c messages model/vim.c:13 'const char *vim_cited = "a scan (SPEC 2.1)";\n'
plant model/vim.c messages model/vim.c:13 'const char *vim_cited = "a scan (SPEC "\n    "2.1)";\n'
plant configs/demo.ini messages configs/demo.ini:4 '; see section 2\n'
plant README.md messages README.md:4 'As in § 2.\n'

plant model/vim.c columns model/vim.c:13 '/* %0100d */\n' 1
awk 'BEGIN { for (i = 0; i < 440; i++) print "" }' >>model/vim.c
finds sizes model/vim.c:452
awk 'BEGIN { print "int vim_long(int n)\n{"; for (i = 0; i < 60; i++) print "    n++;"; print "    return n;\n}" }' >>model/vim.c
finds sizes model/vim.c:14

plant model/vim.c libraries model/vim.c:15 'void vim_end(void)\n{\n    abort();\n}\n'
plant model/vim.c libraries model/vim.c:15 'void vim_say(void)\n{\n    fputs("x", stderr);\n}\n'
plant model/vim.c libraries model/vim.c:15 'void vim_say(void)\n{\n    /* a */ log_warn("x"); // b\n}\n'

plant model/vim.c names model/vim.c:13 'int vim_scene_count;\n'
plant model/vim.c names model/vim.c:13 'enum { VIM_LOOK };\n'
printf 'struct vim_state {\n    int n;\n};\n' | tee -a model/vim.h >>model/vim.c
finds names model/vim.c:13

plant model/vim.h headers model/vim.h 'bool vim_is(void);\n'

if command -v clang-format >/dev/null; then
    cp "$here/../../.clang-format" .
    run format
    if [ $? = 77 ]; then
        cat "$work/said"
    else
        clang-format -i model/*.[ch] harness/commands/info.c
        passes format
        printf 'int vim_wide( int n );\n' >>model/vim.c
        finds format model/vim.c:13
    fi
fi
[ $failed = 0 ] && echo "all planted faults were found"
exit $failed
