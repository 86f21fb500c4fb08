#!/usr/bin/env bash
# Runs a class of the installed Apache Kafka 3.1.0 or of its ZooKeeper:
#   run-java.sh <class> [argument...]
# Logs go to the console and to $LOG_DIR. It ends with the process that started it,
# so that a test that is killed leaves no JVM behind.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
libs=$("$here/install-kafka.sh")
logs=${LOG_DIR:-$(mktemp -d)}
mkdir -p "$logs"
starter=$PPID
( while kill -0 "$starter" 2>/dev/null && kill -0 $$ 2>/dev/null; do sleep 1; done; kill -9 $$ 2>/dev/null ) </dev/null >/dev/null 2>&1 &
exec java ${KAFKA_HEAP_OPTS:--Xmx512m} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:TieredStopAtLevel=1} -Dzookeeper.admin.enableServer=false \
  "-Dlog4j.configuration=file:$here/../../config/log4j.properties" "-Dkafka.logs.dir=$logs" -cp "$libs/*" "$@"
