// Package smc provides shared memory communications (RFC 7609) for package
// socket: sockets that start as TCP and then transfer data by RDMA, or through
// memory that two systems on one machine share. They remain TCP if neither is
// available; InUse tells which.
package smc
