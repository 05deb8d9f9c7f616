#!/bin/bash
# Runs each fuzz target for the given time, FUZZJOBS of them at once (as many as there are processors), each with one worker.
# Prints a line for each: seconds, executions, package, target; with FUZZTABLE=FILE those lines go there too.
# What a target finds is written to testdata/fuzz of its package, to stay there as a seed. Fails if any target does.
# usage: scripts/fuzz.sh [TIME [PACKAGES [TARGETS, a regular expression]]]
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN="$(sed -n "s/^toolchain //p" go.mod)"
time=${1:-60s} packages=${2:-./...} only=${3:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export time work cache; cache=$(go env GOCACHE)/fuzz

# one runs a target: its package, the package's folder, its name.
one() {
  local log="$work/$(echo "$1" | tr / _).$3.log" status=0
  cd "$2"
  "$work/$(echo "$1" | tr / _).test" -test.run '^$' -test.fuzz "^$3\$" -test.fuzztime "$time" -test.parallel 1 \
    -test.fuzzminimizetime 5x -test.timeout 0 -test.fuzzcachedir "$cache/$1" >"$log" 2>&1 || status=$?
  # A worker that is in the middle of something when time is up is reported like a failure, though nothing failed.
  if [ $status != 0 ] && grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; then status=0; fi
  if [ $status != 0 ]; then echo "FAIL $1 $3" >>"$work/failed"; cat "$log" >&2; fi
  sed -n 's/^fuzz: elapsed: \([^,]*\), execs: \([0-9]*\).*/\1 \2/p' "$log" | tail -1 | sed "s|\$| $1 $3|"
}
export -f one

go list -f '{{.ImportPath}} {{.Dir}}' "$packages" | while read -r pkg dir; do
  grep -qs '^func Fuzz' "$dir"/*_test.go || continue
  go test -c -fuzz=. -o "$work/$(echo "$pkg" | tr / _).test" "$pkg"
  grep -ho '^func Fuzz[A-Za-z0-9]*' "$dir"/*_test.go | sed 's/^func //' | sort | grep -E "$only" | sed "s|^|$pkg $dir |" || true
done >"$work/targets"
xargs -r -P "${FUZZJOBS:-$(nproc)}" -L 1 bash -c 'one "$@"' one <"$work/targets" | tee ${FUZZTABLE:+-a "$FUZZTABLE"}
if [ -s "$work/failed" ]; then cat "$work/failed" >&2; exit 1; fi
