#!/usr/bin/env bash
# Spreads request lines over several mexit-serve processes with GNU parallel; answers go to stdout.
#
#   classify.sh MODEL REQUESTS [FLAGS...]    REQUESTS is a file: cut into JOBS parts, answers in the order of the requests
#   classify.sh MODEL - [FLAGS...]           a stream on stdin: whole lines go round robin, answers come as they finish
#
# FLAGS go to mexit-serve. JOBS (environment) is the number of processes; default one per CPU.
# Exit code: 0, or how many of the processes failed.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 64; }
command -v parallel >/dev/null || { echo "error: no 'parallel' in PATH; install GNU parallel (apt-get install parallel)" >&2; exit 1; }
model=$1 requests=$2
shift 2

# Parallel gives its command to a shell: quote the arguments for it. A process per CPU, so each has one thread.
server=$(printf '%q ' mexit-serve "$model" --quiet --threads 1 "$@")
jobs=(--will-cite --jobs "${JOBS:-100%}")
if [ "$requests" = - ]; then
  # --round-robin starts each process once and keeps it; --line-buffer passes answers on at once and never mixes two lines.
  parallel "${jobs[@]}" --pipe --block 64k --round-robin --line-buffer "$server"
else
  # A block of -1 is a JOBS-th of the file, cut at a line's end.
  parallel "${jobs[@]}" --pipepart -a "$requests" --block -1 --keep-order "$server --ordered"
fi | sed '/^{"type":"ready"/d'
