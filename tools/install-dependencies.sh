#!/usr/bin/env bash
# Installs the system libraries that mexit builds with, where they are missing (Debian, Ubuntu).
set -euo pipefail

modules=(libprotobuf-c zlib libturbojpeg libpng)
packages=(pkg-config libprotobuf-c-dev zlib1g-dev libturbojpeg0-dev libpng-dev)

# Ubuntu calls it libturbojpeg0-dev or libturbojpeg-dev, depending on the release.
missing=0
if command -v pkg-config >/dev/null; then
  for module in "${modules[@]}"; do pkg-config --exists "$module" || missing=1; done
else
  missing=1
fi
[ "$missing" = 1 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "error: missing system libraries: ${modules[*]} (pkg-config names); install them with your package manager" >&2
  exit 1
fi
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "Installing ${packages[*]}" >&2
$sudo apt-get update -qq
if ! apt-cache show libturbojpeg0-dev >/dev/null 2>&1; then packages=("${packages[@]/libturbojpeg0-dev/libturbojpeg-dev}"); fi
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >&2
