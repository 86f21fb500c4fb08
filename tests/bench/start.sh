#!/usr/bin/env bash
# Prints how long Gregor takes from its start to its first acknowledged record and
# the memory it holds when idle:
#   tests/bench/start.sh [repetitions]
exec "$(dirname "$0")/compare.sh" --parts broker --brokers gregor --measure start,partitions --rounds "${1:-5}"
