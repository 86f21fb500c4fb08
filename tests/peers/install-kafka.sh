#!/usr/bin/env bash
# Installs Apache Kafka 3.1.0 (broker, ZooKeeper and tools) from Maven Central for
# the tests and prints the folder with its jars. Cached outside the checkout; safe
# to run twice and by two processes at once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${GREGOR_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/gregor/peers}
target=$cache/kafka-3.1.0
mkdir -p "$cache"
exec 9>"$cache/.kafka.lock"
flock 9
if [ ! -f "$target/.complete" ]; then
  command -v mvn >/dev/null || { echo "install-kafka: Maven (mvn) is needed to fetch Apache Kafka 3.1.0" >&2; exit 1; }
  rm -rf "$target"
  mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$target/libs" -DincludeScope=runtime >&2
  touch "$target/.complete"
fi
echo "$target/libs"
