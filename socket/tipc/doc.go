// Package tipc provides the transparent inter-process communication of Linux
// for package socket: connections and messages to services, which are
// identified by numbers and located anywhere in a cluster, and the topology
// service, which reports when services start and stop.
package tipc
