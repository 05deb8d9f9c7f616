// Package engine is TLS 1.3 (RFC 9846) without input and output: bytes go in;
// bytes, application data and events come out. It opens no socket, reads no
// clock, starts no goroutine and takes no lock, so it can be driven from
// anywhere: a blocking connection, an event loop, a test.
//
// # Two halves
//
// [Client] and [Server] return a [Receiver] and a [Sender]. Give the bytes that
// come from the peer to [Receiver.Receive], one call for each record, and act on
// the [Event]. Whatever the event, hand its Reply to [Sender.Apply], which
// appends what has to be sent to your buffer. Once the handshake is done, the
// two halves may be used from two goroutines; the Reply is the only thing that
// crosses, and it may wait until the sending side is free.
//
// # The order of messages
//
// Each state is a type named for the message that it awaits. This is the
// client's way (RFC 9846, Appendix A.1):
//
//	      clientStart
//	           | ClientHello >
//	           v
//	   awaitServerHello ----< HelloRetryRequest, ClientHello > ----.
//	           | < ServerHello                                     v
//	           |                                     awaitSecondServerHello
//	           v                                                   |
//	awaitEncryptedExtensions <-------------< ServerHello ----------'
//	           | < EncryptedExtensions
//	           v
//	awaitCertificateOrRequest ---< CertificateRequest ---> awaitCertificate
//	           | < Certificate                                     |
//	           v                                                   |
//	 awaitCertificateVerify <---------------< Certificate ---------'
//	           | < CertificateVerify
//	           v
//	  awaitServerFinished
//	           | < Finished, [Certificate [, CertificateVerify]] > Finished >
//	           v
//	        open13
//
// And this is the server's (RFC 9846, Appendix A.2):
//
//	awaitClientHello ----< ClientHello, HelloRetryRequest > ----.
//	         | < ClientHello                                    v
//	         |                                    awaitSecondClientHello
//	         | ServerHello, EncryptedExtensions,                |
//	         | [CertificateRequest,] Certificate,               |
//	         | CertificateVerify, Finished >                    |
//	         +<-----------------------------< ClientHello ------'
//	         |
//	         +---- asked for a certificate ----> awaitClientCertificate
//	         |                                                  |
//	         |                  .-----------< empty Certificate-+
//	         |                  |                               | < Certificate
//	         |                  |                               v
//	         v                  v                  awaitClientCertificateVerify
//	awaitClientFinished <-------+-----< CertificateVerify ------'
//	         | < Finished
//	         v
//	      open13
//
// Between them stand waits: for a configuration, a certificate, a verification,
// a signature. Each is a question to a callback of [Config], which may answer at
// once, or with [ErrPending] and later through [Receiver.Resume].
//
// With Encrypted ClientHello (RFC 9849) each ClientHello of these diagrams is two:
// an outer one, which is sent, and an inner one, encrypted in it. A server that
// can decrypt it goes on as if it had seen the inner one alone, and so does the
// client. If it cannot, both go on with the outer one, and the client ends in
// endRejected in place of open13: the connection has only proved the server's
// public name, and brought its present configuration.
//
// # Errors
//
// A state returns an error; the driver turns it into an alert, in one place, and
// the connection is over. [Error] says whose fault it was.
package engine
