// Package probe finds out what a TLS server accepts.
//
// It asks with connections of two kinds. For versions, cipher suites and groups it sends a
// ClientHello of its own making, reads the server's first flight and closes: that reaches
// what this module does not implement, such as SSL 3.0 and export suites, and costs the
// server little. For certificates, signature schemes, resumption and what is sent
// encrypted it makes whole handshakes with package sealsock.
//
// A question has three answers: yes, no, and unknown. A server that answers with an alert,
// or closes the connection twice, has refused, if at the end it still accepts what it accepted
// at first. A server that does not answer in time has not, and the report lists the question
// under Unknown, and under Open what the grade depends on.
package probe
