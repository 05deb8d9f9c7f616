// Package segment has the length of writes that TCP passes on at once over loopback.
package segment

// Size is the largest segment over the loopback of Linux, in bytes: its MTU of 65,536 less the
// headers of IPv6 and of TCP with timestamps. The rest of a longer write is a segment of its own,
// for which the reader wakes up once more. With writes of 64 KiB, bulk data was half as fast.
const Size = 65536 - 40 - 20 - 12

// Data is how much data, in 4 records of TLS, is at most Size bytes.
const Data = Size - 4*Overhead

// Overhead is how many bytes a record has at most besides its data, without padding: that of GCM
// and CCM in TLS 1.2.
const Overhead = 5 + 8 + 16
