// Package starttls tests package starttls with the servers and clients of
// Debian. It starts each server with a configuration of its own in a temporary
// folder and on a free port of loopback, upgrades a connection, verifies the
// certificate, and runs a command of the protocol over TLS. scripts/peers.sh
// installs the programs. docs/starttls.md lists them.
package starttls
