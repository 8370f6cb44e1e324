#!/usr/bin/env bash
# Called by `meson dist`: a source archive says which commit it was made of, as there is no git in it.
set -eu
git -C "$MESON_SOURCE_ROOT" rev-parse HEAD >"$MESON_DIST_ROOT/COMMIT"
