#!/bin/bash
# Formatting, vet, and the checks of the scripts; prints what is wrong and ends
# with 1. Part of .ci/run and of no use to a user.

cd "$(dirname "$0")/.." || exit 1
status=0

unformatted=$(gofmt -l $(git ls-files --cached --others --exclude-standard '*.go'))
if [ -n "$unformatted" ]; then
  echo "Not formatted by gofmt:"
  echo "$unformatted"
  status=1
fi

go vet ./... || status=1
GOOS=darwin GOARCH=arm64 go build -o /dev/null ./tools/kafka || status=1
(cd tests/compat/clients/go && go vet ./...) || status=1 # a module of its own, for clients the broker does not need

for script in bin/*.sh .ci/*.sh .ci/run $(git ls-files --cached --others --exclude-standard "tests/*.sh"); do
  bash -n "$script" || status=1
  [ -x "$script" ] || { echo "Not executable: $script"; status=1; }
done

exit $status
