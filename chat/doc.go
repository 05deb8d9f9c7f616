// Package chat implements a room in which each line goes to all other members.
//
// # The protocol
//
// It is made for any program that sends and receives lines over an encrypted
// connection, a person at openssl s_client included. A member's first line is its
// name; each further line goes to all other members as "name: line". Lines that
// start with "* " are the room's own: who joins and leaves, and what went wrong.
// No member can forge one, since every line of a member starts with its name, and
// names are made of letters, digits, '-', '_' and '.'. A name with a character that
// cannot be seen is refused, and one that looks like that of a member gets a number
// (the skeleton of UTS #39 decides). A member leaves when it ends its sending half.
//
// # What a member may cost
//
// Lines are cut at a length, control characters are replaced, and a member that
// sends faster than its rate is read more slowly: none of its lines are lost, and it
// delays no other member. What is sent to a member waits in a bounded queue; one that
// does not read is dropped, so that it cannot delay the others either. All members
// receive the lines in the same order, each once. See [Limits].
package chat
