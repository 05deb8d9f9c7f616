// Package inspect compares what `seal inspect` finds with what sslscan and testssl.sh find, on
// servers of many kinds and configurations. `go test ./test/inspect -update` writes
// docs/inspect.md.
package inspect
