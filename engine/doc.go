// Package engine is TLS 1.3 (RFC 9846) and TLS 1.2 (RFC 5246) without input and
// output: bytes go in; bytes, application data and events come out. It opens no socket, reads no
// clock, starts no goroutine and takes no lock, so it can be driven from
// anywhere: a blocking connection, an event loop, a test.
//
// # Two halves
//
// [Client] and [Server] return a [Receiver] and a [Sender]. Give the bytes that
// come from the peer to [Receiver.Receive], one call for each record, and act on
// the [Event]. For every event, hand its Reply to [Sender.Apply], which
// appends what has to be sent to your buffer. Once the handshake is done, the
// two halves may be used from two goroutines; only the Reply passes from the
// first to the second, and it may wait until the sending side is free.
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
// # The order of messages in TLS 1.2
//
// A client offers both versions in one ClientHello; the server's answer decides.
// TLS 1.2 has states of its own, and change_cipher_spec is one of its messages.
// The client's way (RFC 5246, Section 7.3):
//
//	                       awaitServerHello
//	                             | < ServerHello
//	          .------------------+---------------- an earlier session --.
//	          v                                                         |
//	awaitServerCertificate12 ---- a pre-shared key ----.                |
//	          | < Certificate                          |                |
//	          v                                        |                |
//	awaitCertificateStatus12, if it was announced      |                |
//	          | < CertificateStatus                    |                |
//	          v                                        |                |
//	awaitServerKeyExchange12 <-------------------------'                |
//	          | < ServerKeyExchange                                     |
//	          v                                                         |
//	awaitCertificateRequest12                                           |
//	          | < CertificateRequest                                    |
//	          v                                                         |
//	awaitServerHelloDone12                                              |
//	          | < ServerHelloDone; [Certificate,] ClientKeyExchange,    |
//	          | [CertificateVerify,] change_cipher_spec, Finished >     |
//	          v                                                         |
//	awaitNewSessionTicket12, if it was announced <----------------------'
//	          | < NewSessionTicket
//	          v
//	awaitServerCCS12
//	          | < change_cipher_spec
//	          v
//	awaitServerFinished12 ---- an earlier session: change_cipher_spec, Finished >
//	          | < Finished
//	          v
//	        open12
//
// And the server's:
//
//	awaitClientHello
//	          | < ClientHello; ServerHello, Certificate, [CertificateStatus,]
//	          | ServerKeyExchange, [CertificateRequest,] ServerHelloDone >
//	          |   an earlier session: ServerHello, change_cipher_spec,
//	          v   Finished >, and then awaitClientCCS12
//	awaitClientCertificate12, if it was asked for
//	          | < Certificate
//	          v
//	awaitClientKeyExchange12
//	          | < ClientKeyExchange
//	          v
//	awaitClientCertificateVerify12, if there was a certificate
//	          | < CertificateVerify
//	          v
//	awaitClientCCS12
//	          | < change_cipher_spec
//	          v
//	awaitClientFinished12
//	          | < Finished; [NewSessionTicket,] change_cipher_spec, Finished >
//	          v
//	        open12
//
// Between these states are waits: for a configuration, a certificate, a
// verification, a signature. Each is a question to a callback of [Config]. The
// callback may answer at once, or return [ErrPending]; the answer is then given
// to [Receiver.Resume].
//
// With Encrypted ClientHello (RFC 9849) each ClientHello of these diagrams is two:
// an outer one, which is sent, and an inner one, encrypted in it. A server that
// can decrypt it continues as if it had received the inner one alone, and so does
// the client. If it cannot, both continue with the outer one, and the client ends
// in endRejected in place of open13: the connection has only proved the server's
// public name and delivered its present configuration.
//
// # Work for a client that has proved nothing
//
// Before a client has proved anything, a server does at most this for it: one
// decryption for each key of Encrypted ClientHello with the ID that it names; the
// search for eight pre-shared keys, and one binder; the search for a credential, in
// which each is compared with 64 signature schemes; one key exchange and one signature. A client without a version, suite, group, protocol, kind of
// certificate or signature scheme in common, or with a wrong binder, is refused
// before the last two. A share for a costly group (P-384, P-521, finite fields) is not used
// where both sides have one that costs less, which is then asked for. P-521, X448 and
// finite fields have to be named in Config.Groups. An exchange in ffdhe8192 takes a server
// 900 times the work of X25519.
//
// # Errors
//
// A state returns an error; the driver turns it into an alert, in one place, and
// the connection is over. The Fault of an [Error] is its cause.
package engine
