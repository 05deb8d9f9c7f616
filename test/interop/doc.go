// Package interop contains only tests: connections with other TLS programs, in
// both roles, in which each side verifies the other. Each program of a table
// ([openssl], [gnutls] and so on, one file each) runs each scenario of another
// table. The results are in docs/interop.md, written by
//
//	go test ./test/interop -update
//
// A missing program is skipped and listed at the end of the run. With
// SEALSOCK_PEERS=require it is a failure. scripts/peers.sh installs the
// programs.
package interop
