#!/usr/bin/env bash
# Installs Apache ZooKeeper 3.8 as Debian packages it, for the tests, and prints its
# jar. Safe to run twice; without root it only says whether the package is there.
set -euo pipefail
jar=/usr/share/java/zookeeper.jar
if [ ! -f "$jar" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install-zookeeper: Debian's package zookeeper is needed" >&2
    exit 1
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libzookeeper-java >&2
fi
echo "$jar"
