#!/usr/bin/env bash
# Installs the clients that the matrix runs and prints the folder that has them:
#   install.sh java|java-3.9|java-4|python|kafkajs|confluent-javascript|rdkafka|go|kcat
# Cached outside the checkout (GREGOR_PEERS, else ~/.cache/gregor/peers); safe to run
# twice and by two processes at once. Versions are pinned here and in the files of
# the languages' folders.
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

# jars_of fetches kafka-clients of a version.
jars_of() { mvn -q -B -f "$here/java/pom.xml" -Dclients="$1" dependency:copy-dependencies -DoutputDirectory="$target/libs" -DincludeScope=runtime >&2; }

java_clients() {
  need mvn
  is_installed "$cache/java-$1" "$here/java/pom.xml" && return
  rm -rf "$target"
  jars_of "$1"
  done_with
}

# One program for all versions, compiled against the oldest, as users' programs are.
java_program() {
  need mvn
  need javac
  is_installed "$cache/java" "$here/java/pom.xml" "$here/java/src/Peer.java" && return
  rm -rf "$target"
  jars_of 3.1.0
  javac -nowarn -Xlint:-deprecation -cp "$target/libs/*" -d "$target/classes" "$here/java/src/Peer.java" >&2
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

# by_script has a language's own script install into the target; the files are those
# that decide what it makes.
by_script() {
  local script=$1 arguments=$2
  shift 2
  is_installed "$cache/$peer" "$script" "$@" && return
  mkdir -p "$target"
  "$script" $arguments "$target" >&2
  done_with
}

go_clients() {
  need go
  target=$cache/go
  mkdir -p "$target"
  (cd "$here/go" && GOWORK=off go build -o "$target/" ./...) >&2 # has a cache of its own
}

case $peer in
  java) java_program ;;
  java-3.9) java_clients 3.9.2 ;;
  java-4) java_clients 4.4.0 ;;
  python) python_clients ;;
  kafkajs) by_script "$here/node/install.sh" kafkajs "$here/node/kafkajs"/* ;;
  confluent-javascript) by_script "$here/node/install.sh" confluent-javascript "$here/node/confluent-javascript"/* "$here/rust/librdkafka.sh" ;;
  rdkafka) by_script "$here/rust/install.sh" "" "$here/rust"/*.* "$here/rust/src"/* ;;
  go) go_clients ;;
  kcat) need kcat; target=$(command -v kcat) ;;
  *) echo "install: no peer $peer" >&2; exit 1 ;;
esac
echo "$target"
