#!/usr/bin/env bash
# Runs every example of docs/deploy that this machine can run, against a real mexit-serve, and says which it cannot and why.
#
#   swift build -c release --product mexit-serve && tools/deploy/test.sh
#
# PYTHON (environment) is the interpreter, default python3; `pip install -r tools/deploy/requirements.txt` there adds Spark and
# Ray. Of Debian's packages: parallel, socat, systemd, systemd-container. SERVER is mexit-serve, default the one that was built last in release
# mode. Exit code: 0 if all that ran passed, 1 otherwise.
set -uo pipefail
python=$(type -P "${PYTHON:-python3}") || { echo "error: no Python '${PYTHON:-python3}'" >&2; exit 1; }
# Absolute, since the examples run in folders of their own; links stay, they are what makes a virtual environment.
python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python")
server=${SERVER:+$(realpath "$SERVER")}
cd "$(dirname "$0")/../.."
: "${server:=$(swift build -c release --show-bin-path 2>/dev/null)/mexit-serve}"
[ -x "$server" ] || { echo "error: no server at '$server'; build it first: swift build -c release --product mexit-serve" >&2; exit 1; }
PATH=$(cd "$(dirname "$server")" && pwd):$PATH
export PATH PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=error::ResourceWarning

failed=() not_run=()
example() {  # NAME FOLDER MODULES...
  local name=$1 folder=$2
  shift 2
  echo "== $name"
  (cd "$folder" && "$python" -m unittest "$@") || failed+=("$name")
}
# Whether an example can run: NAME, what is missing (empty if nothing is).
can_run() {
  [ -z "$2" ] || { not_run+=("$1: $2"); return 1; }
}
command_missing() { command -v "$1" >/dev/null || echo "no '$1' on this machine ($2)"; }
module_missing() { "$python" -c "import $1" 2>/dev/null || echo "$python has no module '$1' (pip install -r tools/deploy/requirements.txt)"; }

containers_run() {  # In a bare folder with this machine's /usr.
  local root
  root=$(mktemp -d) && mkdir "$root/usr" && ln -s usr/lib usr/lib64 usr/bin "$root"
  systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --bind-ro=/usr /usr/bin/true </dev/null >/dev/null 2>&1
  local code=$?
  rm -rf "$root"
  return $code
}

example "Python client" tools/clients/python/tests test_client test_failures test_sockets test_documentation
can_run "GNU parallel" "$(command_missing parallel "apt-get install parallel")" && example "GNU parallel" tools/deploy/tests test_parallel
can_run "Apache Spark" "$(command_missing java "apt-get install default-jre-headless"; module_missing pyspark)" &&
  example "Apache Spark" tools/deploy/tests test_spark
can_run "Ray" "$(module_missing ray)" && example "Ray" tools/deploy/tests test_ray
can_run "systemd: units" "$(command_missing systemd-analyze "apt-get install systemd")" &&
  example "systemd: units" tools/deploy/tests test_systemd.Units
can_run "systemd: socket activation" "$(command_missing systemd-socket-activate "apt-get install systemd")" &&
  example "systemd: socket activation" tools/deploy/tests test_systemd.Sockets.test_socket_activation
can_run "socat" "$(command_missing socat "apt-get install socat")" && example "socat" tools/deploy/tests test_systemd.Sockets.test_socat
live=$(command_missing systemd-nspawn "apt-get install systemd-container")
[ -n "$live" ] || containers_run || live="systemd-nspawn cannot start a container (run it as root, outside of other containers)"
can_run "systemd: the units under a systemd" "$live" && example "systemd: the units under a systemd" tools/deploy/tests test_systemd_live
example "Dockerfile: what it names" tools/deploy/tests test_docker.File
engine=$(for one in docker podman; do "$one" info >/dev/null 2>&1 && echo "$one" && break; done)
can_run "Dockerfile" "$([ -n "$engine" ] || echo "no container engine answers (docker info, podman info)")" &&
  ENGINE=$engine example "Dockerfile" tools/deploy/tests test_docker.Docker

echo
for one in ${not_run[@]+"${not_run[@]}"}; do echo "NOT RUN  $one"; done
for one in ${failed[@]+"${failed[@]}"}; do echo "FAILED   $one"; done
[ ${#failed[@]} -eq 0 ] && echo "Everything that ran passed."
exit $((${#failed[@]} > 0))
