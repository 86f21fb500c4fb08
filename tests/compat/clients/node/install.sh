#!/usr/bin/env bash
# Installs a client of Node.js with what its program needs besides:
#   install.sh kafkajs|confluent-javascript <target>
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peer=${1:?which client}
target=$(realpath -m "${2:?where to}")
need() { command -v "$1" >/dev/null || { echo "install: $peer needs $1" >&2; exit 1; }; }
need node
need npm

rm -rf "$target"
mkdir -p "$target"
cp "$here/$peer"/package*.json "$target/"
(cd "$target" && npm ci --silent --ignore-scripts --no-audit --no-fund)
[ "$peer" = confluent-javascript ] || exit 0

# Its own script downloads a binary or compiles librdkafka, which takes minutes. Of
# librdkafka's sources only the C++ half is compiled here; the C half is a wheel's.
need g++
need make
need python3
"$here/../rust/librdkafka.sh" 2.15.1 "$target"
package=$target/node_modules/@confluentinc/kafka-javascript
source=$package/deps/librdkafka
touch "$source/config.h" # which its configure would write
include="-I$source/src -I$source/src-cpp"
link="-L$target/lib -Wl,-rpath,$target/lib"
# shellcheck disable=SC2086 # these are several arguments
g++ -shared -fPIC -O1 -w $include "$source"/src-cpp/*.cpp -o "$target/lib/librdkafka++.so" $link -lrdkafka

# Headers of the node that is installed, where it has them, need not be downloaded.
prefix=$(dirname "$(dirname "$(realpath "$(command -v node)")")")
[ ! -e "$prefix/include/node/node.h" ] || export npm_config_nodedir=$prefix
gyp=$(npm root --global --silent)/npm/node_modules/node-gyp/bin/node-gyp.js
[ -e "$gyp" ] || gyp=$(command -v node-gyp)
cd "$package"
BUILD_LIBRDKAFKA=0 CXXFLAGS="$include -O1 -w" LDFLAGS=$link "$gyp" rebuild --silent --jobs 2
