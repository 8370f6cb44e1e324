#!/usr/bin/env bash
# Installs every Debian package that building, running and testing evalh needs. Idempotent; as root
# or through sudo. --python adds what the reference and training scripts use.
set -euo pipefail

packages=(
    build-essential clang pkg-config meson ninja-build git
    libdnnl-dev libopenblas-openmp-dev libssl-dev
    libjpeg62-turbo-dev libpng-dev libhdf5-dev libinih-dev libzip-dev libarchive-dev zlib1g-dev
    libcjson-dev gnuplot-nox libcmocka-dev
    libopenmpi-dev openmpi-bin
)
if [ "${1:-}" = --python ]; then
    packages+=(python3-torch python3-torchvision python3-h5py python3-pil python3-sklearn)
fi

missing=()
for p in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "setup.sh: needs root or sudo to install: ${missing[*]}" >&2
        exit 1
    }
    sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
$sudo apt-get install -y -q --no-install-recommends "${missing[@]}"
