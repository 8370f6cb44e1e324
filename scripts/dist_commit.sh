#!/usr/bin/env bash
# Called by `meson dist`: records in a source archive, which has no git, from which commit it was
# made.
set -eu
git -C "$MESON_SOURCE_ROOT" rev-parse HEAD >"$MESON_DIST_ROOT/COMMIT"
