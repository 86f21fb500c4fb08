#!/bin/bash
# Builds libs/kafka, the one program behind every script here, when it is
# missing or a source is newer. Two of these at once are safe: the second waits
# for the first where flock exists, and the program is put in place by a rename.

base_dir=$(dirname "${BASH_SOURCE[0]}")/..

program_is_current() {
  [ -x "$base_dir/libs/kafka" ] || return 1
  [ -f "$base_dir/go.mod" ] || return 0 # no sources here: nothing to be newer
  [ -z "$(cd "$base_dir" && find go.mod go.sum config log server tools zkutil \
    \( -name testdata -prune \) -o \
    \( -name '*.go' ! -name '*_test.go' -o -name 'go.*' -o -type d ! -path config \) \
    -newer libs/kafka -print -quit 2>/dev/null)" ]
}

require_go() {
  local wanted found
  wanted=$(sed -n 's/^go //p' "$base_dir/go.mod")
  if ! command -v go >/dev/null; then
    echo "Building the broker needs Go $wanted or later, and no 'go' is on the PATH. Install it from https://go.dev/dl/ and start again." >&2
    exit 1
  fi
  found=$(cd "$base_dir" && go env GOVERSION 2>/dev/null)
  found=${found#go}
  found=${found%% *}
  if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
    found=$(go version | sed -n 's/^go version go\([^ ]*\).*/\1/p')
    echo "Building the broker needs Go $wanted or later, and this is Go ${found:-of an unknown version}. Install a newer one from https://go.dev/dl/ and start again." >&2
    exit 1
  fi
}

build_program() {
  require_go
  local fresh="libs/.kafka.$$"
  (
    cd "$base_dir" || exit 1
    trap 'rm -f "$fresh" "$fresh.start"' EXIT
    touch "$fresh.start"
    CGO_ENABLED=0 go build -trimpath -o "$fresh" ./tools/kafka || exit 1
    # A source saved while the build ran must count as newer.
    touch -r "$fresh.start" "$fresh"
    mv -f "$fresh" libs/kafka
  ) || exit 1
}

if ! program_is_current; then
  mkdir -p "$base_dir/libs" || exit 1
  (
    if command -v flock >/dev/null; then
      exec 9>"$base_dir/libs/.lock"
      flock 9
    fi
    program_is_current || build_program
  ) || exit 1
fi
