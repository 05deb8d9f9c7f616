// Package transfer hands over files from one program to others that know a short code, end to
// end encrypted, through a relay that can read nothing.
//
//	files, err := transfer.Scan(ctx, "report.pdf", "pictures")
//	sender, err := transfer.NewSender(ctx, transfer.SendOptions{Dial: dial, Files: files})
//	fmt.Println(sender.Code().Text())                          // 7-crystal-lagoon
//	err = sender.Run(ctx)
//
//	code, err := transfer.ParseCode("7-crystal-lagoon")        // elsewhere
//	received, err := transfer.Receive(ctx, transfer.ReceiveOptions{Dial: dial, Code: code})
//
// # The code
//
// The number of the code leads sender and receiver to a room of package relay, and the relay
// learns it. The words are a password that the relay does not learn. With them both sides run
// CPace (draft-irtf-cfrg-cpace), a key exchange in which a wrong password is one guess, which
// the sender counts: after one wrong guess it ends the code, and both sides report that. Two
// words have 16 bits, so that who guesses succeeds once in 65,536 transfers.
//
// # The connection
//
// The key that results leads the two into a room of their own, authenticates the packets of
// a link there, and is imported (RFC 9258) as the pre-shared key of a TLS 1.3 connection
// through the relay, with an ephemeral key exchange. The link survives failures of the relay
// and of the connections to it. Within the connection the sender tells the addresses of its
// machine. If the receiver reaches one, a second TLS connection, whose key is exported from
// the first, carries the files directly; if that one fails, the first carries the rest.
//
// # The files
//
// The sender offers a list, and the receiver lists what it has of each file from an earlier
// attempt, with a hash. The sender continues where these are the same. A receiver creates
// files in its folder alone, under names that the list may have: no absolute ones, none that
// leads out of the folder, none with characters that do not print. It replaces nothing unless
// told to. A file is written under another name, and gets its own when it is complete, its
// SHA-256 was compared with the sender's, and it is on the disk.
//
// docs/send.md describes the messages.
package transfer
