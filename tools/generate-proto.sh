#!/bin/sh
# Generates the C of Sources/CMExitProto from mexit.proto (the file) and serve.proto (the server). Needs protoc-c (Debian, Ubuntu: protobuf-c-compiler).
#
#   tools/generate-proto.sh           writes *.pb-c.c and include/*.pb-c.h
#   tools/generate-proto.sh --check   writes nothing; ends with 1 when the committed files are not what it would write
#
# The generator's version, which it writes into comments and a version check, is no difference.
set -eu

case "${1:-}" in
'' | --check) ;;
*)
    echo "usage: tools/generate-proto.sh [--check]" >&2
    exit 64
    ;;
esac
cd "$(dirname "$0")/../Sources/CMExitProto"
if ! command -v protoc-c >/dev/null; then
    echo "error: protoc-c is missing; install protobuf-c-compiler" >&2
    exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
protoc-c --c_out="$scratch" mexit.proto serve.proto

for name in mexit serve; do
    if [ "${1:-}" = --check ]; then
        stable() { sed -e 's/[0-9]\{7\}/VERSION/g' -e '/[Gg]enerated by/d' "$1"; }
        for pair in $name.pb-c.c:$name.pb-c.c $name.pb-c.h:include/$name.pb-c.h; do
            stable "$scratch/${pair%%:*}" >"$scratch/expected"
            stable "${pair#*:}" >"$scratch/committed"
            if ! diff -u "$scratch/committed" "$scratch/expected"; then
                echo "error: Sources/CMExitProto/${pair#*:} is not what $name.proto generates; run tools/generate-proto.sh" >&2
                exit 1
            fi
        done
    else
        mv "$scratch/$name.pb-c.c" "$name.pb-c.c"
        mv "$scratch/$name.pb-c.h" "include/$name.pb-c.h"
    fi
done
