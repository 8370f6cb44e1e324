#!/usr/bin/env bash
# `meson install` into a folder gives a tree that works by itself: program, pages, completion,
# configs, published figures.
. "$(dirname "$0")/common.sh"
command -v meson >/dev/null || {
    echo "SKIPPED: meson is not in the PATH (Debian: meson)"
    exit 77
}
unset EVALH_PUBLISHED
tree=$work/tree
meson install -C "$BUILD" --no-rebuild --destdir "$tree" >"$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
evalh=$(find "$tree" -type f -path '*/bin/evalh')
share=$(find "$tree" -type d -path '*/share/evalh')
[ -x "$evalh" ] || { fail "no program in the tree"; finish; }
[ -d "$share" ] || { fail "no share/evalh in the tree"; finish; }

there() { # PATTERN of a path in the tree
    [ -n "$(find "$tree" -path "*$1")" ] || fail "the tree lacks $1"
}
for command in $(commands); do
    there "/man1/evalh-$command.1"
done
there /man1/evalh.1
there /man5/evalh.ini.5
there /bash-completion/completions/evalh
there /zsh/site-functions/_evalh
there /doc/evalh/README.md
there /doc/evalh/LICENSE
for config in "$(dirname "$0")"/../../../configs/*.ini; do
    there "/share/evalh/configs/$(basename "$config")"
done

# Links of the installed pages lead to files of the tree.
links=0
while read -r page; do
    for link in $(grep -oE '\]\([A-Za-z_/.]+' "$page" | tr -d ']('); do
        links=$((links + 1))
        [ -e "$(dirname "$page")/$link" ] || fail "${page#"$tree"} links to $link, which is not there"
    done
done < <(find "$tree" -path '*/doc/evalh/*' -name '*.md')
[ "$links" -ge 10 ] || fail "only $links links were found in the installed pages"

# The installed program runs an installed config in a folder of its own, with a small model.
cd "$work" && mkdir run && cd run || exit 1
"$MAKE_MODEL" vim model.safetensors >/dev/null || exit 1
"$evalh" run "$share/configs/demo_vim.ini" -s run.output=out.h5 -s run.name=vim_small \
    -s model.checkpoint=model.safetensors -s data.images=6 -s data.size=40 \
    -s explain.methods=raw -s task.kind=segmentation >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "the installed program does not run an installed config"; }

# The demo's config finds its model in the tree, from anywhere, and its results get their folder; what
# fails leaves nothing behind.
mkdir "$work/anywhere" && cd "$work/anywhere" || exit 1
"$evalh" run "$share/configs/demo_vim.ini" --limit 2 -s data.images=4 -s explain.methods=center \
    -s task.kind=segmentation >"$work/log" 2>&1 || { cat "$work/log"; fail "the installed demo does not run"; }
[ -s results/demo_vim.h5 ] || fail "no result file in a folder of its own"
mkdir "$work/nothing" && cd "$work/nothing" || exit 1
"$evalh" run "$share/configs/demo_vim.ini" -s 'model.checkpoint=~/none.safetensors' >"$work/log" 2>&1 &&
    fail "a model that is not there is no failure"
grep -qF "$HOME/none.safetensors: No such file" "$work/log" || { cat "$work/log"; fail "~ is not expanded"; }
[ -z "$(ls -A)" ] || fail "left behind: $(ls -A)"
cd "$work/run" || exit 1

# Published figures come from the tree itself: break one and it must be noticed.
"$evalh" report out.h5 >"$work/report" 2>&1 || { cat "$work/report"; fail "report fails"; }
echo "nonsense" >>"$share/published/segmentation.ini"
"$evalh" report out.h5 >"$work/report" 2>&1 && fail "report does not read the installed figures"
grep -qF "$tree" "$work/report" || { cat "$work/report"; fail "the message does not name the file"; }
finish
