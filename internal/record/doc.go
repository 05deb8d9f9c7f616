// Package record frames and protects TLS records. One direction of one epoch
// is one value: a key, a sequence number, a limit, and nothing else. Sealing
// appends to the caller's buffer; opening decrypts inside it.
// RFC 9846, Section 5; RFC 5246, Section 6.2.
package record
