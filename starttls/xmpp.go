package starttls

import (
	"encoding/xml"
	"errors"
	"strings"
)

// XMPP, RFC 6120, Section 5.

const (
	xmppTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
	xmppStreams = "http://etherx.jabber.org/streams"
)

func xmppClient(d *dialog, host string) error     { return d.xmppClient(host, "jabber:client") }
func xmppPeerClient(d *dialog, host string) error { return d.xmppClient(host, "jabber:server") }
func xmppServer(d *dialog, host string) error     { return d.xmppServer(host, "jabber:client") }
func xmppPeerServer(d *dialog, host string) error { return d.xmppServer(host, "jabber:server") }

func (d *dialog) xmppClient(host, namespace string) error {
	if err := d.send(xmppHeader("to", host, namespace)); err != nil {
		return err
	}
	in := xml.NewDecoder(d)
	if _, err := d.element(in, xml.Name{Space: xmppStreams, Local: "stream"}); err != nil {
		return err
	}
	if _, err := d.element(in, xml.Name{Space: xmppStreams, Local: "features"}); err != nil {
		return err
	}
	offered, err := d.within(in, xml.Name{Space: xmppTLS, Local: "starttls"})
	if err != nil {
		return err
	}
	if !offered {
		return d.refused("the server does not offer STARTTLS", "")
	}
	if err := d.send("<starttls xmlns='" + xmppTLS + "'/>"); err != nil {
		return err
	}
	if _, err := d.element(in, xml.Name{Space: xmppTLS, Local: "proceed"}); err != nil {
		return err
	}
	if err := in.Skip(); err != nil {
		return d.notXML(err)
	}
	return nil
}

func (d *dialog) xmppServer(host, namespace string) error {
	in := xml.NewDecoder(d)
	if _, err := d.element(in, xml.Name{Space: xmppStreams, Local: "stream"}); err != nil {
		return err
	}
	features := "<stream:features><starttls xmlns='" + xmppTLS + "'><required/></starttls>" +
		"</stream:features>"
	if err := d.send(xmppHeader("from", host, namespace) + features); err != nil {
		return err
	}
	if _, err := d.element(in, xml.Name{Space: xmppTLS, Local: "starttls"}); err != nil {
		return err
	}
	if err := in.Skip(); err != nil {
		return d.notXML(err)
	}
	return d.send("<proceed xmlns='" + xmppTLS + "'/>")
}

// xmppHeader is the start of a stream. RFC 6120, Section 4.2.
func xmppHeader(direction, host, namespace string) string {
	var b strings.Builder
	b.WriteString("<?xml version='1.0'?><stream:stream " + direction + "='")
	xml.EscapeText(&b, []byte(host))
	b.WriteString("' xmlns='" + namespace + "' xmlns:stream='" + xmppStreams + "' version='1.0'>")
	return b.String()
}

// element reads to the start of the next element, which must have the name.
func (d *dialog) element(in *xml.Decoder, name xml.Name) (xml.StartElement, error) {
	for {
		t, err := in.Token()
		if err != nil {
			return xml.StartElement{}, d.notXML(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name == name {
				return t, nil
			}
			return t, d.refused(d.peer+" sent another element than "+name.Local, t.Name.Local)
		case xml.EndElement:
			return xml.StartElement{}, d.refused(d.peer+" ended the stream before "+name.Local, "")
		}
	}
}

// within reads to the end of the element that has begun, and reports whether an element of
// the name is inside it.
func (d *dialog) within(in *xml.Decoder, name xml.Name) (found bool, err error) {
	for depth := 1; depth > 0; {
		t, err := in.Token()
		if err != nil {
			return false, d.notXML(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			found = found || t.Name == name
		case xml.EndElement:
			depth--
		}
	}
	return found, nil
}

// notXML returns the error for a stream that package xml cannot read.
func (d *dialog) notXML(err error) error {
	var syntax *xml.SyntaxError
	var own *Error
	switch {
	case errors.As(err, &own):
		return err
	case errors.As(err, &syntax) && !strings.Contains(syntax.Msg, "unexpected EOF"):
		return d.wrong(d.peer+" sent malformed XML", syntax.Msg)
	case errors.As(err, &syntax):
		return d.wrong(d.peer+" closed the connection before TLS", "")
	}
	return d.broken(err)
}
