package engine

import "crypto"

// A Question is what a connection waits for: *ClientHelloInfo, *CredentialRequest,
// *PeerCertificate, *PSKQuery, *SessionQuery or *SignRequest. Each has one method that
// makes the Answer to it.
type Question interface{ question() }

// An Answer is the reply to one Question, given to Receiver.Resume. It is made by the
// method of that question, or by Refuse, and answers no other question: the zero
// Answer, and one that was made for an earlier question, end the connection.
type Answer struct {
	to    Question
	value any
	err   error
}

// answers returns an error unless a was made by the question q, about what.
func (a Answer) answers(what string, q Question) error {
	switch {
	case a.to == nil:
		return usage("the answer about %s is the zero Answer", what)
	case a.to != q:
		return usage("the answer about %s is for another request, a %T", what, a.to)
	}
	return nil
}

// Refuse returns an answer that ends the connection with err. It answers any question.
// The error may choose its alert by a method Alert() iana.Alert.
func Refuse(err error) Answer {
	if err == nil {
		err = usage("Refuse was called with a nil error")
	}
	return Answer{err: err}
}

// Configure makes a server use cfg from now on, or keep the Config it has if cfg is nil.
func (q *ClientHelloInfo) Configure(cfg *Config) Answer { return Answer{to: q, value: cfg} }

// Show chooses the credential to show. A client may choose nil for none.
func (q *CredentialRequest) Show(c *Credential) Answer { return Answer{to: q, value: c} }

// Accept accepts the peer with the public key of its certificate. The key is needed
// also if the peer is resumed: without one that the engine can use, the peer is refused.
func (q *PeerCertificate) Accept(key crypto.PublicKey) Answer { return Answer{to: q, value: key} }

// Use gives the pre-shared key, or nil if there is none.
func (q *PSKQuery) Use(p *PSK) Answer { return Answer{to: q, value: p} }

// Use gives the session, or nil if it is not known.
func (q *SessionQuery) Use(s *Session) Answer { return Answer{to: q, value: s} }

// Signed gives the signature.
func (q *SignRequest) Signed(signature []byte) Answer { return Answer{to: q, value: signature} }

func (*ClientHelloInfo) question()   {}
func (*CredentialRequest) question() {}
func (*PeerCertificate) question()   {}
func (*PSKQuery) question()          {}
func (*SessionQuery) question()      {}
func (*SignRequest) question()       {}
