// Package tipc is Linux's transparent inter-process communication for package
// socket: connections and messages to services, which are numbers, wherever in
// a cluster they run; and the topology service, which tells when they come and
// go.
package tipc
