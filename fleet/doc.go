// Package fleet has what several servers behind one address share, so that they are one server
// for their clients: ticket keys, the memory of 0-RTT attempts, and rate limits.
//
// Each is an interface with an implementation in the process, which is the default, and others:
//
//	what             interface             in one process              shared
//	ticket keys      sealsock.TicketKeys   sealsock.RotatingKeys       [KeyFile], natsfleet.Member
//	0-RTT attempts   engine.AntiReplay     sealsock.NewAntiReplay      natsfleet.Member
//	rate limits      [Limiter]             [Rates]                     natsfleet.Member
//
// A [KeyFile] has keys that someone distributes to all servers. Package natsfleet makes the keys,
// rotates them, and shares the rest too, over NATS.
//
// Servers that share ticket keys and not the memory of 0-RTT attempts must accept no 0-RTT data:
// each of them would accept the same attempt once. RFC 9846, Section 8.
package fleet
