#!/usr/bin/env bash
# Starts an Apache Kafka 3.1.0 broker with a properties file.
exec "$(dirname "$0")/run-java.sh" kafka.Kafka "$@"
