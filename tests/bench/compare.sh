#!/usr/bin/env bash
# Puts the same load on Gregor and on Apache Kafka 3.1.0, in turn, and prints a
# table in Markdown for each part:
#   broker   time to start, memory, throughput, processor time, latency
#   log      many partitions: start and memory; recovery; compaction; reading a backlog
#   cluster  three brokers: throughput, latency, many partitions (--cluster-partitions
#            10000 --measure partitions for more of them), failover
# About a quarter of an hour, three minutes with --quick, an hour with --full; nothing
# else should run meanwhile.
#   tests/bench/compare.sh [--quick|--full] [--parts broker,log,cluster] …   (--help has all)
set -euo pipefail
cd "$(dirname "$0")/../.."
. bin/build.sh
case " $* " in *" --brokers gregor "*) ;; *) tests/peers/install-kafka.sh >/dev/null ;; esac
ulimit -n "$(ulimit -Hn)"
go build -o libs/bench ./tests/bench
exec libs/bench "$@"
