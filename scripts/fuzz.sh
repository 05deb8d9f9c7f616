#!/bin/sh
# Runs each fuzz target for the given time: scripts/fuzz.sh 60s [package pattern]
set -eu
time=${1:-60s}
for pkg in $(go list "${2:-./...}"); do
  for target in $(go test -list '^Fuzz' "$pkg" 2>/dev/null | grep '^Fuzz' || true); do
    echo "== $pkg $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg"
  done
done
