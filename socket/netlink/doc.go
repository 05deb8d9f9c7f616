// Package netlink is Linux's netlink sockets for package socket: the way to the
// kernel's tables of links, routes, filters and more. It has the addresses, the
// messages with their attributes, and requests with their answers. What the
// messages of each protocol mean is for the caller to know.
package netlink
