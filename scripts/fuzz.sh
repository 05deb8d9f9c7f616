#!/bin/bash
# Runs each fuzz target for the given time, FUZZJOBS (the number of processors) at once, with one worker each.
# Prints a line for each: seconds, executions, package, target. FUZZTABLE=FILE also appends these lines to FILE.
# Findings are written to testdata/fuzz of the package as seeds, and printed. Fails if any target fails.
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
  # A worker that is busy when the time is up is reported as a failure although no input failed.
  if [ $status != 0 ] && grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; then status=0; fi
  if [ $status != 0 ]; then
    echo "FAIL $1 $3" >>"$work/failed"
    cat "$log" >&2
    sed -n 's/.*Failing input written to //p' "$log" | xargs -r tail -n +1 >&2
  fi
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
