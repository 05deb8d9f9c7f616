// Package smc is shared memory communications (RFC 7609) for package socket:
// sockets that start as TCP and go on through memory that the network card
// reaches by itself, or that two systems on one machine share. Where that cannot
// be had they stay TCP.
package smc
