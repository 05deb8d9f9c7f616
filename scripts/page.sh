#!/bin/sh
# Builds the program of the relay's page for browsers, which the next build of seal embeds.
set -e
cd "$(dirname "$0")/.."
go=${GO:-go}
GOTOOLCHAIN=$(sed -n "s/^toolchain //p" go.mod)
export GOTOOLCHAIN
out=internal/chatpage/built
new=$(mktemp "$out/new.XXXXXX")
trap 'rm -f "$new" "$new.gz"' EXIT
GOOS=js GOARCH=wasm $go build -trimpath -ldflags "-s -w" -o "$new" ./internal/chatpage/wasm
gzip -9n <"$new" >"$new.gz"
chmod 644 "$new.gz"
mv "$new.gz" "$out/talk.wasm.gz"
cp "$($go env GOROOT)/lib/wasm/wasm_exec.js" "$out/"
chmod 644 "$out/wasm_exec.js"
