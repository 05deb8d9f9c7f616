package talk

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// linkScheme is how the link of an invitation begins.
const linkScheme = "https://"

// LinkResource is the last element of the path at which a relay accepts WebSockets, below that
// of the page for browsers.
const LinkResource = "relay"

// Link returns the invitation as a link to the page of its relay (seal relay), on which a
// browser joins the room: https://HOST/#SECRET. The secret is in the fragment, which a browser
// does not send. The link has no pin: a browser trusts its own authorities. It is empty for a
// relay whose address is neither HOST:PORT nor wss://HOST/relay.
func (i *Invitation) Link() string {
	if !i.usable() {
		return ""
	}
	at, isURL := i.Relay, strings.Contains(i.Relay, "://")
	if isURL {
		var ok bool
		at, ok = strings.CutPrefix(at, "wss://")
		at, ok = cutLast(at, "/"+LinkResource, ok)
		if !ok {
			return ""
		}
	}
	secret := base64.RawURLEncoding.EncodeToString(i.secret())
	link := linkScheme + at + "/#" + secret
	if _, err := parseLink(link); err != nil {
		return ""
	}
	return link
}

func cutLast(s, suffix string, ok bool) (string, bool) {
	s, found := strings.CutSuffix(s, suffix)
	return s, ok && found
}

// parseLink reads the link of an invitation.
func parseLink(text string) (*Invitation, error) {
	page, encoded, _ := strings.Cut(text, "#")
	u, err := url.Parse(page)
	switch {
	case err != nil, len(text) > maxInvitation, u.Hostname() == "", u.User != nil,
		u.RawQuery != "", u.ForceQuery, u.Opaque != "":
		return nil, errInvitation
	}
	folder := u.EscapedPath()
	if !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	return ParseInvitation(scheme + "wss://" + u.Host + folder + LinkResource + "#" + encoded)
}
