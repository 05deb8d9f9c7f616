// Package interop holds tests and nothing else: conversations with the TLS
// programs that people already have, in both roles, each side verifying the
// other. A table of programs ([openssl], [gnutls] and so on, one file each)
// meets a table of scenarios; docs/interop.md is the result, written by
//
//	go test ./test/interop -update
//
// A program that is not there is left out, which the end of the run says; with
// SEALSOCK_PEERS=require it is a failure. scripts/peers.sh installs them.
package interop
