#!/usr/bin/env bash
# Installs what the tests need and runs all of them, in release mode so that the C kernels are optimised.
#
#   tools/test.sh             everything
#   tools/test.sh --filter X  only tests whose name matches X
#
# Warnings in this package's own code are errors.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v swift >/dev/null || { echo "error: no 'swift' in PATH; install Swift 6.2 or newer from https://swift.org/install" >&2; exit 1; }
tools/install-dependencies.sh
if command -v protoc-c >/dev/null; then tools/generate-proto.sh --check; fi

flags=(-c release -Xswiftc -enable-testing)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
swift build "${flags[@]}" --build-tests 2>&1 | tee "$log"
# Dependencies are built with warnings off, so every warning with a path is ours. SwiftPM's own flag for this
# (-warnings-as-errors) does not go together with packages that suppress theirs.
if grep -E '(Sources|Tests)/[^ ]*:[0-9]+:[0-9]+: warning:' "$log"; then
  echo "error: the warnings above count as errors" >&2
  exit 1
fi

if [ $# -gt 0 ]; then
  exec swift test "${flags[@]}" --skip-build "$@"
fi
# The kernels once more without the wider instruction sets, as other machines will run them.
for masked in avx512 avx512,avx2,neon; do
  echo "== kernels and runtime with MEXIT_CPU_DISABLE=$masked"
  MEXIT_CPU_DISABLE=$masked swift test "${flags[@]}" --skip-build --filter 'MExitKernelTests|MExitRuntimeTests'
done
echo "== deployment: the Python client, and the examples that this machine has the programs for"
if command -v python3 >/dev/null; then tools/deploy/test.sh; else echo "NOT RUN  no python3 on this machine"; fi
echo "== all tests"
swift test "${flags[@]}" --skip-build
# The Swift program of docs/examples, a package that depends on this one, and the C program with the static library: builds of
# their own, which take longer than a test should.
echo "== docs/examples"
examples=$(mktemp -d)
trap 'rm -rf "$log" "$examples"' EXIT
head -c 3072 LICENSE > "$examples/picture.bytes"
swift run -c release --package-path docs/examples/swift --scratch-path .build/example classify \
  models/cifar10-msdnet-tiny.mexit "$examples/picture.bytes" | tee "$examples/swift.txt"
grep -q '^totals: ' "$examples/swift.txt"
{ printf 'P6\n32 32\n255\n'; cat "$examples/picture.bytes"; } > "$examples/picture.ppm"
cc -std=c11 -c -I Sources/CMExitAPI/include docs/examples/c/classify.c -o "$examples/classify.o"
swiftc "$examples/classify.o" "$(swift build "${flags[@]}" --show-bin-path)/libmexit-static.a" -lz -lprotobuf-c -static-stdlib \
  -o "$examples/classify"
"$examples/classify" models/cifar10-msdnet-tiny.mexit "$examples/picture.ppm" | tee "$examples/c.txt"
grep -q '^totals: ' "$examples/c.txt"
