package engine

import (
	"errors"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// helloEdit is what an attacker on the path may change.
type helloEdit = wire.ClientHello

// pumpThrough is pump with an attacker on the path that changes the client's first
// flight.
func pumpThrough(client, server *side, change func(record []byte) []byte) error {
	first, err := client.step()
	if err != nil {
		return err
	}
	server.in = change(first)
	back, serr := server.step()
	client.in = append(client.in, back...)
	return errors.Join(serr, pump(client, server))
}

// editHello changes a ClientHello inside its record.
func editHello(raw []byte, change func(*helloEdit)) []byte {
	hello, err := wire.ParseClientHello(raw[record.HeaderLen+wire.HeaderLen:])
	if err != nil {
		panic(err)
	}
	change(hello)
	body, err := hello.AppendTo(nil)
	if err != nil {
		panic(err)
	}
	return append(record.AppendHeader(nil, iana.ContentHandshake, iana.TLS10, len(body)), body...)
}

// withoutExtension returns a change that takes an extension out.
func withoutExtension(ext iana.ExtensionType) func([]byte) []byte {
	return func(raw []byte) []byte {
		return editHello(raw, func(h *helloEdit) {
			h.Present = slices.DeleteFunc(h.Present, func(e iana.ExtensionType) bool { return e == ext })
			switch ext {
			case iana.ExtSupportedVersions:
				h.SupportedVersions = nil
			case iana.ExtExtendedMasterSecret:
				h.ExtendedMasterSecret = false
			default:
				panic("withoutExtension does not know " + ext.String())
			}
		})
	}
}
