// Package netlink provides the netlink sockets of Linux for package socket,
// which give access to the kernel's tables of links, routes, filters and more.
// It implements addresses, messages with attributes, and requests with answers.
// The caller interprets the messages of each protocol.
package netlink
