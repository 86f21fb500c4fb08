#!/usr/bin/env bash
# Installs the clients that the matrix runs and prints the folder that has them:
#   install.sh java-3.1.0|java-3.9|java-4|python|kafkajs|confluent-javascript|rdkafka|kafka-go|kcat
# Cached outside the checkout (GREGOR_PEERS, else ~/.cache/gregor/peers); safe to run
# twice and by two processes at once. Versions are pinned here and in the lock
# files beside this script.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${GREGOR_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/gregor/peers}/clients
peer=${1:?which peer}
mkdir -p "$cache"
exec 9>"$cache/.$peer.lock"
flock 9

need() { command -v "$1" >/dev/null || { echo "install: $peer needs $1" >&2; exit 1; }; }

# is_installed tells whether the folder holds what the files given make; done_with notes it.
is_installed() { target=$1; shift; stamp=$(cat "$0" "$@" | sha256sum | cut -d' ' -f1); [ "$(cat "$target/.complete" 2>/dev/null)" = "$stamp" ]; }
done_with() { echo "$stamp" >"$target/.complete"; }

java_clients() {
  need mvn
  need javac
  is_installed "$cache/java-$1" "$here/java/pom.xml" "$here/java/src/Peer.java" && return
  rm -rf "$target"
  mvn -q -B -f "$here/java/pom.xml" -Dclients="$1" dependency:copy-dependencies -DoutputDirectory="$target/libs" -DincludeScope=runtime >&2
  # One program for all versions, compiled against the oldest, as users' programs are.
  mvn -q -B -f "$here/java/pom.xml" -Dclients=3.1.0 dependency:copy-dependencies -DoutputDirectory="$target/compile" -DincludeScope=runtime >&2
  javac -nowarn -Xlint:-deprecation -cp "$target/compile/*" -d "$target/classes" "$here/java/src/Peer.java" >&2
  done_with
}

python_clients() {
  need python3
  is_installed "$cache/python" "$here/python/requirements.txt" && return
  rm -rf "$target"
  python3 -m venv "$target" >&2
  "$target/bin/pip" install --quiet --disable-pip-version-check -r "$here/python/requirements.txt" >&2
  done_with
}

kafkajs() {
  need npm
  is_installed "$cache/kafkajs" "$here/node/kafkajs/package.json" && return
  rm -rf "$target"
  mkdir -p "$target"
  cp "$here/node/kafkajs/package.json" "$target/"
  (cd "$target" && npm install --no-audit --no-fund --silent >&2)
  done_with
}

rdkafka() {
  need cargo
  need cmake
  is_installed "$cache/rdkafka" "$here/rust/Cargo.toml" "$here/rust/src/main.rs" && return
  mkdir -p "$target"
  CARGO_TARGET_DIR="$target/target" cargo build --quiet --manifest-path "$here/rust/Cargo.toml" >&2
  done_with
}

go_client() {
  need go
  is_installed "$cache/$1" "$here/$1"/*.go "$here/$1/go.mod" && return
  mkdir -p "$target"
  (cd "$here/$1" && GOWORK=off go build -o "$target/peer" .) >&2
  done_with
}

case $peer in
  java-3.1.0) java_clients 3.1.0 ;;
  java-3.9) java_clients 3.9.2 ;;
  java-4) java_clients 4.4.0 ;;
  python) python_clients ;;
  kafkajs) kafkajs ;;
  confluent-javascript) . "$here/node/confluent-javascript/install.sh" ;;
  rdkafka) rdkafka ;;
  kafka-go) go_client kafka-go ;;
  kcat) need kcat; target=$(command -v kcat) ;;
  *) echo "install: no peer $peer" >&2; exit 1 ;;
esac
echo "$target"
