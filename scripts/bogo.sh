#!/bin/sh
# Runs BoringSSL's tests against the shim and prints the totals:
#   scripts/bogo.sh PATH_TO_BORINGSSL [TEST_PATTERN]
# With -u before the path it also writes the totals into docs/conformance.md.
# WORKERS (2) is the number of tests that run at a time.
set -eu
update=
if [ "${1:-}" = -u ]; then update=docs/conformance.md; shift; fi
boringssl=$(cd "${1:?usage: scripts/bogo.sh [-u] PATH_TO_BORINGSSL [TEST_PATTERN]}" && pwd)
pattern=${2:-*}
top=$(cd "$(dirname "$0")/.." && pwd)
runner=$boringssl/ssl/test/runner
[ -d "$runner" ] || { echo "bogo.sh: $runner is missing: give the top of a BoringSSL tree" >&2; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cd "$top"
export GOTOOLCHAIN="$(sed -n "s/^toolchain //p" go.mod)"
go build -o "$tmp/shim" ./test/bogo/shim
go build -o "$tmp/report" ./test/bogo/report
cd "$runner"
go test -c -o "$tmp/runner" .
# The runner does not list the tests that it excludes. With a shim that supports
# no flag it lists all tests quickly.
printf '#!/bin/sh\n[ "$*" = -is-handshaker-supported ] && echo No && exit\nexit 89\n' >"$tmp/none"
chmod +x "$tmp/none"
"$tmp/runner" -pipe -shim-path "$tmp/none" -allow-unimplemented -include-disabled -num-workers "${WORKERS:-2}" \
	-test "$pattern" >"$tmp/all" 2>&1 || true
status=0
BOGO_UNIMPLEMENTED=$tmp/missing "$tmp/runner" -pipe -shim-path "$tmp/shim" -shim-config "$top/test/bogo/config.json" \
	-allow-unimplemented -loose-errors -num-workers "${WORKERS:-2}" -json-output "$tmp/results" \
	-test "$pattern" >"$tmp/log" 2>&1 || status=$?
[ -s "$tmp/results" ] || { cat "$tmp/log" >&2; exit 1; }
commit=$(git -C "$boringssl" log -1 --format='%h of %cs' 2>/dev/null || echo unknown)
cd "$top"
"$tmp/report" -all "$tmp/all" -results "$tmp/results" -missing "$tmp/missing" -config test/bogo/config.json \
	-commit "${BORINGSSL_COMMIT:-$commit}" -update "$update"
exit $status
