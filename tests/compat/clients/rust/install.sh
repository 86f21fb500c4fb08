#!/usr/bin/env bash
# Builds the program of Rust's rdkafka:
#   install.sh <target>
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=$(realpath -m "${1:?where to}")
need() { command -v "$1" >/dev/null || { echo "install: rdkafka needs $1" >&2; exit 1; }; }
need cargo
need python3
need pkg-config

version=2.16.1 # librdkafka's, at least that of rdkafka-sys
rm -rf "$target"
"$here/librdkafka.sh" "$version" "$target"
cat >"$target/lib/rdkafka.pc" <<END
Name: librdkafka
Description: Kafka's C client
Version: $version
Libs: -L$target/lib -lrdkafka
END
PKG_CONFIG_PATH="$target/lib" RUSTFLAGS="-C link-arg=-Wl,-rpath,$target/lib" \
  cargo build --quiet --locked --manifest-path "$here/Cargo.toml" --target-dir "$target/build"
cp "$target/build/debug/rdkafka_peer" "$target/"
rm -rf "$target/build"
