#!/usr/bin/env bash
# Installs kazoo, Python's ZooKeeper client, from PyPI for the tests and prints the
# Python that has it. Cached outside the checkout; safe to run twice and by two
# processes at once.
set -euo pipefail
version=2.10.0
cache=${GREGOR_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/gregor/peers}
target=$cache/kazoo-$version
mkdir -p "$cache"
exec 9>"$cache/.kazoo.lock"
flock 9
if [ ! -f "$target/.complete" ]; then
  command -v python3 >/dev/null || { echo "install-kazoo: python3 is needed to run kazoo" >&2; exit 1; }
  rm -rf "$target"
  python3 -m venv "$target" >&2
  "$target/bin/pip" install -q --disable-pip-version-check "kazoo==$version" >&2
  touch "$target/.complete"
fi
echo "$target/bin/python"
