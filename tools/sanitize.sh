#!/usr/bin/env bash
# Runs the tests of many threads under Thread Sanitizer: one compiled model shared by many threads, in every mode, while it loads
# (StressTests), and the worker pool under it. Any report of a data race is a failure.
#
#   tools/sanitize.sh              those
#   tools/sanitize.sh --filter X   tests whose name matches X
#
# It is a build of its own, in .build/thread, of the whole package with its tests: allow half an hour for the first one.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v swift >/dev/null || { echo "error: no 'swift' in PATH; install Swift 6.2 or newer from https://swift.org/install" >&2; exit 1; }
tools/install-dependencies.sh
filter=(--filter 'StressTests|MExitParallelTests|ProgressiveLoadingTests')
if [ $# -gt 0 ]; then filter=("$@"); fi
flags=(-c release -Xswiftc -enable-testing --sanitize=thread --scratch-path .build/thread)
swift build "${flags[@]}" --build-tests
export TSAN_OPTIONS="halt_on_error=1 exitcode=66${TSAN_OPTIONS:+ $TSAN_OPTIONS}"
swift test "${flags[@]}" --skip-build "${filter[@]}"
