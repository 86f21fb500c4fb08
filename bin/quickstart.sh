#!/bin/bash
# Starts ZooKeeper and one broker from config/, waits until they serve, and
# stops both on Ctrl-C. The data stays, and the next start finds it.

bin=$(cd "$(dirname "$0")" && pwd)
config=$bin/../config
logs=${LOG_DIR:-$bin/../logs}

setting() { # file key default
  local value
  value=$(sed -n "s/^[[:space:]]*$2[[:space:]]*=[[:space:]]*//p" "$1" | tail -n 1)
  echo "${value:-$3}"
}

zookeeper_port=$(setting "$config/zookeeper.properties" clientPort 2181)
listener=$(setting "$config/server.properties" listeners PLAINTEXT://:9092)
broker_port=${listener%%,*}
broker_port=${broker_port##*:}

serves() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Each child gets a process group of its own, so that Ctrl-C comes here alone.
start() { # variable output command...
  local variable=$1 output=$2
  shift 2
  set -m
  "$@" > "$output" 2>&1 < /dev/null &
  set +m
  printf -v "$variable" %s $!
}

alive() { kill -0 "$1" 2>/dev/null; }

give_up() {
  echo "$1" >&2
  [ -n "$2" ] && tail -n 15 "$2" >&2
  stop_all
  exit 1
}

stop_one() { # pid
  [ -n "$1" ] && alive "$1" || return 0
  kill -TERM "$1" 2>/dev/null
  while alive "$1"; do
    wait "$1" 2>/dev/null
  done
}

# The broker goes first: it signs off in ZooKeeper.
stop_all() {
  trap '' INT TERM HUP
  stop_one "$broker"
  stop_one "$zookeeper"
}

stop_and_leave() {
  echo
  echo "Stopping the broker, then ZooKeeper ..."
  stop_all
  exit 0
}

for port in "$zookeeper_port" "$broker_port"; do
  if serves "$port"; then
    echo "Port $port is in use: stop what listens there first (bin/kafka-server-stop.sh, bin/zookeeper-server-stop.sh)." >&2
    exit 1
  fi
done

"$bin/build.sh" || exit 1
mkdir -p "$logs" || exit 1

trap stop_and_leave INT TERM HUP

echo "Starting ZooKeeper ..."
start zookeeper "$logs/zookeeper.out" "$bin/zookeeper-server-start.sh" "$config/zookeeper.properties"
until serves "$zookeeper_port"; do
  alive "$zookeeper" || give_up "ZooKeeper did not start:" "$logs/zookeeper.out"
  sleep 0.05
done

echo "Starting the broker ..."
start broker "$logs/kafkaServer.out" "$bin/kafka-server-start.sh" "$config/server.properties"
until grep -q 'started (kafka.server.KafkaServer)' "$logs/kafkaServer.out"; do
  alive "$broker" || give_up "The broker did not start:" "$logs/kafkaServer.out"
  sleep 0.05
done

cat <<END

The broker serves localhost:$broker_port. In another terminal, in $(cd "$bin/.." && pwd):

  bin/kafka-topics.sh --create --topic quickstart-events --bootstrap-server localhost:$broker_port
  bin/kafka-console-producer.sh --topic quickstart-events --bootstrap-server localhost:$broker_port
  bin/kafka-console-consumer.sh --topic quickstart-events --from-beginning --bootstrap-server localhost:$broker_port

Ctrl-C here stops the broker and ZooKeeper. Their output is in $(cd "$logs" && pwd).
END

while alive "$broker" && alive "$zookeeper"; do
  sleep 0.5
done
if alive "$zookeeper"; then
  give_up "The broker ended by itself:" "$logs/kafkaServer.out"
fi
give_up "ZooKeeper ended by itself:" "$logs/zookeeper.out"
