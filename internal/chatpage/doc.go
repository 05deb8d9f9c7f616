// Package chatpage is the page of a relay, on which a browser joins a room.
//
// The page has the program of package talk as WebAssembly, so that the browser encrypts from
// end to end as seal chat does. The invitation is in the fragment of the page's address, which
// a browser does not send. Who serves the page decides what it does: its users trust the
// relay with more than the users of seal chat.
//
// The program is built by scripts/page.sh, which make build calls, and embedded if it is there
// at the build of this package. Without it the page reports that it is not in this build.
package chatpage
