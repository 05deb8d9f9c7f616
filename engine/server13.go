package engine

import (
	"crypto"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// server13 is what a server carries through the rest of a TLS 1.3 handshake, once it has sent
// its flight.
type server13 struct {
	*flow13
	d   *decision
	app application
}

// awaitEndOfEarlyData waits for the end of the 0-RTT data, which the driver
// returns meanwhile. RFC 9846, Section 4.5.
type awaitEndOfEarlyData struct{ *server13 }

func (s *awaitEndOfEarlyData) awaits() awaited { return awaited{iana.HandshakeEndOfEarlyData} }

func (s *awaitEndOfEarlyData) handle(m message, do *effects) (state, error) {
	if err := wire.ParseEmpty(m.typ, m.body); err != nil {
		return nil, err
	}
	s.transcript.add(m.raw)
	do.report(EventEarlyDone)
	return &awaitClientFinished{s.server13}, do.readKeys(s.suite, s.client, phaseHandshake)
}

// awaitClientCertificate waits for the client's certificate, perhaps an empty one.
type awaitClientCertificate struct{ *server13 }

func (s *awaitClientCertificate) awaits() awaited { return s.certificates() }

func (s *awaitClientCertificate) handle(m message, _ *effects) (state, error) {
	peer, err := s.readCertificate(m, asked{kind: s.kinds.peer, staple: true, scts: true})
	if err != nil {
		return nil, err
	}
	s.transcript.add(m.raw)
	if peer.empty() {
		if s.cfg.ClientAuth == RequireClientCert {
			return nil, &Error{Fault: FaultCertificate, Alert: iana.AlertCertificateRequired, Reason: "the client sent no certificate, but one is required"}
		}
		return &awaitClientFinished{s.server13}, nil
	}
	s.info.shows(peer)
	return s.verify(peer, func(key crypto.PublicKey, _ *effects) (state, error) {
		return &awaitClientCertificateVerify{s.server13, key}, nil
	}), nil
}

// awaitClientCertificateVerify waits for the proof that the client holds its key.
type awaitClientCertificateVerify struct {
	*server13
	key crypto.PublicKey
}

func (s *awaitClientCertificateVerify) awaits() awaited {
	return awaited{iana.HandshakeCertificateVerify}
}

func (s *awaitClientCertificateVerify) handle(m message, _ *effects) (state, error) {
	if err := s.checkCertificateVerify(m, s.key, clientContext, s.cfg.schemes()); err != nil {
		return nil, err
	}
	return &awaitClientFinished{s.server13}, nil
}

// awaitClientFinished waits for the end of the handshake.
type awaitClientFinished struct{ *server13 }

func (s *awaitClientFinished) awaits() awaited { return awaited{iana.HandshakeFinished} }

func (s *awaitClientFinished) handle(m message, do *effects) (state, error) {
	if err := s.checkFinished(m, s.client); err != nil {
		return nil, err
	}
	if err := s.readLater(s.app.client, do); err != nil {
		return nil, err
	}
	if !s.info.endsEarly() && s.d.early {
		do.report(EventEarlyDone)
	}
	do.report(EventHandshakeDone)
	s.info.HandshakeDone = true
	// A late certificate is of the kind that was agreed on in the handshake.
	if s.d.late && !(s.cfg.OnlyRawKeys && s.kinds.peer == iana.CertTypeX509) {
		do.out = append(do.out, step{kind: stepLate})
	}
	if s.d.resumable {
		// RFC 9846, Section 4.2.9: "servers SHOULD NOT send NewSessionTicket with tickets
		// that are not compatible with the advertised modes".
		do.tickets(newTicketer(s.flow13, s.d.requested, s.app.master.Resumption(s.transcript.sum())))
	}
	return &open13{cfg: s.cfg, info: s.info, suite: s.suite, traffic: s.app.client, late: newLate(s.flow13, false)}, nil
}
