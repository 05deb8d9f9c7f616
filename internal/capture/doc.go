// Package capture reads packet captures and describes the TLS connections in them.
//
// It reads pcap and pcapng files with packets of Ethernet, raw IP, loopback and Linux
// "cooked" interfaces, puts the segments of TCP connections in order, and parses what TLS
// sends in plaintext. With a key log it decrypts the rest as well, for the suites that this
// module implements.
//
// A capture comes from the network and is not trusted: the length of a packet, the
// connections, the bytes that wait for a missing segment, and the messages that are kept
// have bounds. What a bound cut off is counted in the result.
package capture
