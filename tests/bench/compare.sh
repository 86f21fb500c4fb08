#!/usr/bin/env bash
# Puts the same load on Gregor and on Apache Kafka 3.1.0, in turn, and prints a
# table in Markdown: time to start, memory, throughput, processor time, latency.
# About a quarter of an hour; nothing else should run meanwhile.
#   tests/bench/compare.sh [--quick] [--rounds n] [--size MiB] …   (--help has all)
set -euo pipefail
cd "$(dirname "$0")/../.."
. bin/build.sh
case " $* " in *" --brokers gregor "*) ;; *) tests/peers/install-kafka.sh >/dev/null ;; esac
ulimit -n "$(ulimit -Hn)"
go build -o libs/bench ./tests/bench
exec libs/bench "$@"
