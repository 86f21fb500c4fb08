#!/usr/bin/env bash
# Installs the clients that the matrix runs and prints the folder that has them:
#   install.sh java-3.1.0|java-3.9|java-4|python|kafkajs|confluent-javascript|rdkafka|go|kcat
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

# other_language has the folder's own script install into the target.
other_language() {
  local folder=$1
  shift
  is_installed "$cache/$peer" $(find "$here/$folder" -type f | sort) && return
  mkdir -p "$target"
  "$here/$folder/install.sh" "$@" "$target" >&2
  done_with
}

go_clients() {
  need go
  target=$cache/go
  mkdir -p "$target"
  (cd "$here/go" && GOWORK=off go build -o "$target/" ./...) >&2 # has a cache of its own
}

case $peer in
  java-3.1.0) java_clients 3.1.0 ;;
  java-3.9) java_clients 3.9.2 ;;
  java-4) java_clients 4.4.0 ;;
  python) python_clients ;;
  kafkajs | confluent-javascript) need npm; other_language node "$peer" ;;
  rdkafka) need cargo; other_language rust ;;
  go) go_clients ;;
  kcat) need kcat; target=$(command -v kcat) ;;
  *) echo "install: no peer $peer" >&2; exit 1 ;;
esac
echo "$target"
