#!/usr/bin/env bash
# Fuzzes what opens files and compiles models, with libFuzzer, AddressSanitizer and (C code) UndefinedBehaviorSanitizer.
#
#   tools/fuzz.sh                     1,000,000 runs
#   tools/fuzz.sh -runs=10000000      any options of libFuzzer: -max_total_time=300, -jobs=4, -seed=1
#   tools/fuzz/.build/release/fuzz FILE   tries one input again
#
# Starts from the conformance files (Tests/Fixtures/format) and from what earlier runs found worth keeping
# (tools/fuzz/.build/corpus). A finding is written to tools/fuzz/.build as crash-*, timeout-* or oom-*; shrink it with
# -minimize_crash=1 and add it to tools/fixtures/format_bad.py. Linux with a Swift toolchain, which brings libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/fuzz"
# The compiler heeds only the last -sanitize, so both stand in one: else Swift code is not instrumented for coverage. Checks of
# memory are calls: inlined into the unrolled tiles of the kernels they take the C compiler minutes a file.
swift build -c release --sanitize fuzzer --sanitize address -Xswiftc -sanitize=fuzzer,address \
  -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined -Xcc -mllvm -Xcc -asan-instrumentation-with-call-threshold=0 \
  -Xswiftc -parse-as-library -Xswiftc -enable-testing
python3 seeds.py ../../Tests/Fixtures/format .build/seeds
mkdir -p .build/corpus
options=("$@")
[ ${#options[@]} -gt 0 ] || options=(-runs=1000000)
cd .build
# No stacks of allocations and a small quarantine: half the time of a run goes there otherwise. Run a finding without them.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=16:malloc_context_size=0:max_malloc_fill_size=0}
# No input of 8 KiB has reason to ask for 128 MiB at once.
exec release/fuzz -max_len=8192 -timeout=20 -malloc_limit_mb=128 -rss_limit_mb=2000 -print_final_stats=1 -dict=../mexit.dict "${options[@]}" corpus seeds
