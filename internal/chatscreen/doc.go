// Package chatscreen is the terminal interface of a room: its history, its members, and a line
// to type in. The commands of that line are for interfaces without a screen too.
//
// Texts and names of other members are data: characters that control a terminal are replaced
// before they are shown, and what a member sends is never a command.
//
// # Limits
//
// The history is kept in memory alone, with at most 2000 entries and 1 MiB of text. At most
// 100 lines wait to be sent.
package chatscreen
