// Package dtls implements what DTLS has between the handshake and the records: messages in
// fragments and their reassembly, flights that are sent again until they are acknowledged,
// and timers. It knows no key and no state of the handshake, and reads no clock: time comes
// in with each call. RFC 9147, Sections 5 and 7; RFC 6347, Section 4.2.
package dtls
