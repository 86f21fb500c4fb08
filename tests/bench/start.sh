#!/usr/bin/env bash
# Prints how long a broker takes from its start to its first acknowledged record,
# the memory it holds when idle, and first figures of producing and consuming:
#   tests/bench/start.sh [repetitions]
cd "$(dirname "$0")/../.." || exit 1
. bin/build.sh
exec go run ./tests/bench -repetitions "${1:-5}"
