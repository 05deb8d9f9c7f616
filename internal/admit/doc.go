// Package admit accepts connections and runs their handshakes beside each other.
//
// A handshake that waits for its client costs a goroutine and an entry in a
// table, so silent clients do not delay others. Two bounds limit the table: one
// for all clients, and one for the clients of one address. When one more client
// would exceed a bound, the oldest handshake within that bound ends. An honest
// client finishes long before it is the oldest.
//
// A connection whose handshake is done stays in the table until Accept returns
// it, and does not end for another. When the table holds nothing else, the
// package stops accepting, and further clients wait in the system's queue.
package admit
