#!/usr/bin/env bash
# From a clone to predictions: installs the system libraries (Debian, Ubuntu), builds the server, and classifies the sample
# photographs with the model in models/.
#
#   tools/quickstart.sh [POLICY]     a policy as mexit-serve takes it; default calibrated:recommended
set -euo pipefail
cd "$(dirname "$0")/.."
policy=${1:-calibrated:recommended}
model=models/cifar10-msdnet-tiny.mexit
samples=models/samples

command -v swift >/dev/null || { echo "error: no 'swift' in PATH; install Swift 6.2 or newer from https://swift.org/install" >&2; exit 1; }
tools/install-dependencies.sh
swift build -c release --product mexit-serve >&2
serve=$(swift build -c release --show-bin-path)/mexit-serve

# One JSON request a line in, one JSON answer a line out; awk makes the table.
for image in "$samples"/*.jpg; do
  printf '{"id":"%s","path":"%s"}\n' "$(basename "$image")" "$(basename "$image")"
done | "$serve" "$model" --allow-paths "$samples" --policy "$policy" --ordered --quiet | awk '
  function field(name,  found) {
    if (match($0, "\"" name "\":\"[^\"]*\"")) {
      found = substr($0, RSTART, RLENGTH); sub("^\"" name "\":\"", "", found); sub("\"$", "", found); return found
    }
    if (match($0, "\"" name "\":[-+0-9.eE]+")) { found = substr($0, RSTART, RLENGTH); sub("^\"" name "\":", "", found); return found }
    return ""
  }
  field("type") == "error" { print "error: " field("id") ": " field("message") > "/dev/stderr"; failed = 1; next }
  field("type") != "result" { next }
  !header++ { printf "%-20s %-12s %10s %5s %14s\n", "image", "class", "confidence", "exit", "MACs saved" }
  {
    done_macs = field("macs") + 0; saved = field("macs_saved") + 0
    printf "%-20s %-12s %10.2f %5d %12.0f %%\n", field("id"), field("class"), field("confidence"), field("exit"), 100 * saved / (done_macs + saved)
    count++; exits[field("exit")]++; all_saved += saved; all += done_macs + saved
  }
  END {
    if (!count) { print "error: no image was classified" > "/dev/stderr"; exit 1 }
    printf "\n%d images, %.0f %% of the multiply-adds saved\n", count, 100 * all_saved / all
    exit failed
  }'
