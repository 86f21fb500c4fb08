#!/bin/bash
# Runs a class of Kafka by its name: the first argument that is no switch.
# Switches and variables are Kafka's. Those that only a JVM understands
# (KAFKA_HEAP_OPTS, KAFKA_JVM_PERFORMANCE_OPTS, KAFKA_GC_LOG_OPTS, KAFKA_JMX_OPTS,
# JMX_PORT, KAFKA_DEBUG, JAVA_HOME, CLASSPATH, SCALA_VERSION) are ignored.

if [ $# -lt 1 ]; then
  echo "USAGE: $0 [-daemon] [-name servicename] [-loggc] classname [opts]"
  exit 1
fi

base_dir=$(dirname "$0")/..

if [ -z "$LOG_DIR" ]; then
  LOG_DIR="$base_dir/logs"
fi

# A tool logs to the console; a server's script has set its own file.
if [ -z "$KAFKA_LOG4J_OPTS" ]; then
  KAFKA_LOG4J_OPTS="-Dlog4j.configuration=file:$base_dir/config/tools-log4j.properties"
else
  mkdir -p "$LOG_DIR"
fi
export KAFKA_LOG4J_OPTS="-Dkafka.logs.dir=$LOG_DIR $KAFKA_LOG4J_OPTS"

while [ $# -gt 0 ]; do
  case $1 in
    -name)
      CONSOLE_OUTPUT_FILE=$LOG_DIR/$2.out
      shift 2
      ;;
    -loggc)
      shift
      ;;
    -daemon)
      DAEMON_MODE=true
      shift
      ;;
    *)
      break
      ;;
  esac
done

. "$base_dir/bin/build.sh"

if [ "$DAEMON_MODE" = true ]; then
  nohup "$base_dir/libs/kafka" "$@" > "$CONSOLE_OUTPUT_FILE" 2>&1 < /dev/null &
else
  exec "$base_dir/libs/kafka" "$@"
fi
