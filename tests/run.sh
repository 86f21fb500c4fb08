#!/usr/bin/env bash
# Runs every check and test of this repository:
#   tests/run.sh          installs what the tests need (as root or by sudo) and runs
#                         all of them, those against Apache Kafka, Apache ZooKeeper and
#                         the clients of other languages included; the results that the
#                         repository shows are compared
#   tests/run.sh --quick  installs nothing and runs what needs Go alone
# Ends with the lines of go test. Safe to run twice.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

quick=false
case "${1:-}" in
  --quick) quick=true ;;
  "") ;;
  *) echo "usage: tests/run.sh [--quick]" >&2; exit 2 ;;
esac

# Commands that the tests run, and Debian's packages that have them.
needed=(
  kcat:kcat java:default-jre-headless javac:default-jdk-headless mvn:maven ps:procps flock:util-linux strace:strace ip:iproute2
  python3:python3 node:nodejs npm:npm cargo:cargo g++:g++ make:make pkg-config:pkg-config
)

# Rust's own installer leaves PATH to the shell's profile.
for folder in "$HOME/.cargo/bin" /usr/local/cargo/bin; do
  [ ! -x "$folder/cargo" ] || PATH=$folder:$PATH
done

install_packages() {
  local missing=() entry
  for entry in "${needed[@]}"; do
    command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
  done
  [ -e /usr/share/java/zookeeper.jar ] || missing+=(zookeeper)
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || { echo "tests/run.sh: please install ${missing[*]}; only apt-get is known here" >&2; return 1; }
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "Installing ${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >&2 && return 0
  "${as_root[@]}" apt-get update >&2 &&
    "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >&2
}

tags=()
if [ "$quick" = false ]; then
  install_packages || exit 1
  tests/peers/install-kafka.sh >/dev/null || exit 1
  tags=(-tags peers)
fi

status=0
.ci/check.sh || status=1
# go-zookeeper reads the last zxid beside its own reader's write when it has just
# connected, and nothing outside can order the two: its code is built without the
# detector. The value is of no importance on a session's first connection.
unguarded=github.com/go-zookeeper/zk
go test -race -gcflags="$unguarded=-race=false" -p 2 -timeout 14m "${tags[@]}" ./... || status=1
exit $status
