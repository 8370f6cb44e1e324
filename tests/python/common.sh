# Sourced by the tests that need Python. $py: one that has what they need, or the test is skipped.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# find_python MODULE...: sets $py. $PYTHON goes first: a virtual environment, for example.
find_python() {
    local candidate modules
    modules=$(printf 'import %s\n' "$@")
    for candidate in ${PYTHON:+"$PYTHON"} /usr/bin/python3 python3; do
        if "$candidate" -c "$modules" >/dev/null 2>&1; then
            py=$candidate
            return
        fi
    done
    echo "SKIPPED: no Python with $*: PYTHON names one (Debian: python3-h5py, python3-pytest)"
    exit 77
}
