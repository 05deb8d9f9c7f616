// Package natsbus keeps the rooms of several relays on a NATS server, so that members who are
// connected to different relays share a room.
//
// A [Bus] is a relay.Bus. Each relay has one, with a connection to the same NATS server or
// cluster:
//
//	bus, err := natsbus.New(conn, natsbus.Options{})
//	server := relay.NewServer(bus, relay.Limits{})
//
// # What travels over NATS
//
// What the relays know anyway: the numbers of rooms and members, and what the members encrypt
// for each other. The tokens of members stay at their relay. A program that may publish to the
// subjects of the relays can disturb their rooms as a relay can, and no further: give the relays
// an account of their own, and the connection TLS.
//
// # Subjects
//
// All subjects begin with [Options].Prefix:
//
//	PREFIX.1.relays      each relay, in each interval
//	PREFIX.1.hello       a relay asks who is in a room
//	PREFIX.1.room.ROOM   a relay lists its members of a room, after each change and in each
//	                     interval
//	PREFIX.1.to.RELAY    payloads for the members of a relay, and answers to it
//
// # Faults
//
// Core NATS is enough: no stream is needed. A payload that the NATS server loses, because it was
// killed or a relay was too slow, is one that a relay loses, which package relay allows. The
// members count and repeat, so that what was acknowledged to a member has arrived at the other
// member. Storing payloads in a stream would acknowledge what is stored and not what arrived.
//
// Lists of members are whole and are repeated, so that a list that was lost is replaced within an
// interval. A room without members at a relay is in no list of it: if the last one was lost, the
// relay tells so when it gets a payload for the room, and when its connection to NATS is back.
// The members of a relay that is silent for three intervals have left. During an
// interruption of NATS each relay still serves its own members; payloads for others are
// undeliverable. Afterwards the relays exchange their lists again.
//
// If a member joins at two relays at the same time, the later place counts, as in one relay. The
// relays compare the times of the joins, and a relay that knows of an earlier place gives the
// new one a later time, so that their clocks need not agree.
//
// # Bounds
//
// The rooms of a relay and the members of a room are bounded. Each relay knows the members at the
// others: only those that join at the same moment at different relays can exceed the bound.
package natsbus
