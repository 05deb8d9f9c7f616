// Package transfer measures seal send beside croc and magic-wormhole: one file through a relay
// of each on this machine, in one run.
//
//	go test -run - -bench Throughput -benchtime 1x ./test/transfer
//
// The relays, senders and receivers are processes, and direct connections are turned off. A
// program that is missing is left out: croc is the Go module github.com/schollz/croc/v10, wormhole
// and its transit relay are Debian's magic-wormhole and magic-wormhole-transit-relay, and its
// mailbox server is Python's magic-wormhole-mailbox-server.
package transfer
