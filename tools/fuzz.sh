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
swift build -c release --sanitize fuzzer --sanitize address -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined \
  -Xswiftc -parse-as-library -Xswiftc -enable-testing
python3 seeds.py ../../Tests/Fixtures/format .build/seeds
mkdir -p .build/corpus
options=("$@")
[ ${#options[@]} -gt 0 ] || options=(-runs=1000000)
cd .build
exec release/fuzz -max_len=8192 -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 -use_value_profile=0 "${options[@]}" corpus seeds
