#!/usr/bin/env bash
# The page's script, in a browser: page_script.sh MAKE_RESULT REPORT. Exit 77, aloud, without one.
set -u
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "SKIPPED: the page's script: no chromium (Debian: chromium)"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" "$work/run.h5" images=60 segmentation=1 || exit 1
"$2" report "$work/run.h5" --format html --resamples 20 --out "$work/page.html" || exit 1
sed -i 's#</body>##; s#</html>##' "$work/page.html"
{
    echo "<script>"
    cat "$(dirname "$0")/page_script.js"
    echo "</script></body></html>"
} >>"$work/page.html"
timeout 100 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" \
    --window-size=1280,2000 --virtual-time-budget=60000 --dump-dom "file://$work/page.html" \
    >"$work/dom" 2>"$work/log"
grep -E '^(ok|FAILED): |^ended' "$work/dom"
grep -q '^ended' "$work/dom" || {
    echo "FAILED: the script did not end"
    head -c 600 "$work/dom"
    grep -v dbus "$work/log" | tail -5
    exit 1
}
! grep -q '^FAILED' "$work/dom"
