#!/usr/bin/env bash
# Puts librdkafka.so into <target>/lib, out of the wheel of confluent-kafka-python:
# built for every glibc, whole in one file, and much sooner there than when compiled.
#   librdkafka.sh <version> <target>
set -euo pipefail
version=${1:?which version}
target=${2:?where to}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" "confluent-kafka==$version"
python3 -m zipfile -e "$work"/*.whl "$work/wheel"
mkdir -p "$target/lib"
library=$(basename "$work"/wheel/confluent_kafka.libs/librdkafka*)
cp "$work/wheel/confluent_kafka.libs/$library" "$target/lib/"
ln -sf "$library" "$target/lib/librdkafka.so" # the other is its soname
