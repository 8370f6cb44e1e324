#!/usr/bin/env bash
# Installs every Debian package that building, running and testing evalh needs. Idempotent; as root
# or through sudo. --develop adds a second compiler, its fuzzer and its formatter, --python what the
# reference and training scripts use (h5py reads results and comes along in any case).
set -euo pipefail

packages=(
    build-essential pkg-config meson ninja-build git
    libdnnl-dev libopenblas-openmp-dev libssl-dev
    libjpeg-dev libpng-dev libhdf5-dev libinih-dev libzip-dev libarchive-dev zlib1g-dev
    libcjson-dev gnuplot-nox libcmocka-dev
    libopenmpi-dev openmpi-bin
    procps python3-h5py python3-pytest
)
for option in "$@"; do
    case $option in
    --develop) packages+=(clang clang-format libomp-dev) ;;
    --python) packages+=(python3-torch python3-torchvision python3-pil python3-sklearn) ;;
    *)
        echo "setup.sh: $option: should be --develop or --python" >&2
        exit 2
        ;;
    esac
done

missing=()
for p in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "setup.sh: there is no apt-get here; on Debian these would be installed: ${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "setup.sh: needs root, or sudo, for: apt-get install ${missing[*]}" >&2
        exit 1
    }
    as_root=(sudo)
fi

# apt's output goes to a log, which is shown where it fails. A machine that has just been started
# may be installing updates; apt then waits.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt_get() {
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=600 "$@" </dev/null >>"$log" 2>&1 || {
        cat "$log" >&2
        echo "setup.sh: apt-get $1 fails, see above; wanted are: ${missing[*]}" >&2
        exit 1
    }
}
echo "setup.sh: installing Debian packages, which takes a few minutes on a bare machine: ${missing[*]}"
apt_get update
apt_get install -y --no-install-recommends "${missing[@]}"
echo "setup.sh: done, $(grep -c '^Setting up' "$log") packages"
