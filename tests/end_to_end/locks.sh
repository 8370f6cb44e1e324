#!/usr/bin/env bash
# File systems without flock (ENOLCK, ENOSYS): the run says so and goes on; two runs on one output
# are still refused; doctor says so, too.
. "$(dirname "$0")/common.sh"
if [ "$SANITIZER" != none ]; then
    echo "SKIPPED: what is preloaded does not go with a sanitizer"
    exit 77
fi
c=$work/vim.ini
write_config "$c" vim
expect 0 "13 images in" run "$c" --set run.output="$work/sound.h5"
for errno in 37 38; do
    export LD_PRELOAD=$NO_FLOCK_LIBRARY NO_FLOCK=$errno
    expect 0 "has no locks" run "$c" --set run.output="$work/none.h5"
    grep -q "HDF5_USE_FILE_LOCKING=FALSE" "$work/stderr" || fail "$errno: HDF5's locks are not named"
    "$EVALH" doctor "$c" --set run.output="$work/other.h5" >"$work/stdout" 2>&1
    grep -q "locks .*HDF5_USE_FILE_LOCKING=FALSE" "$work/stdout" || fail "$errno: doctor: $(cat "$work/stdout")"
    unset LD_PRELOAD
    "$SAME" "$work/sound.h5" "$work/none.h5" >"$work/same" || fail "$errno: $(cat "$work/same")"
    [ ! -e "$work/none.h5.parts" ] || fail "$errno: the shards are left"
    rm -f "$work/none.h5"
done
# another run's mark: of a process that lives, and of one that is gone
mkdir "$work/none.h5.parts"
export LD_PRELOAD=$NO_FLOCK_LIBRARY NO_FLOCK=37
echo "$(hostname) $$" >"$work/none.h5.parts/owner"
expect 2 "another evalh run is at work" run "$c" --set run.output="$work/none.h5"
echo "elsewhere 1" >"$work/none.h5.parts/owner"
expect 2 "owner" run "$c" --set run.output="$work/none.h5"
echo "$(hostname) 4194303" >"$work/none.h5.parts/owner"
expect 0 "has no locks" run "$c" --set run.output="$work/none.h5"
unset LD_PRELOAD
"$SAME" "$work/sound.h5" "$work/none.h5" >"$work/same" || fail "$(cat "$work/same")"
finish
