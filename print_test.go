package sealsock_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"go/ast"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/fleet"
	"github.com/sealsock/sealsock/httptransport"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/printed"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/legacy"
	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/talk"
	"github.com/sealsock/sealsock/transfer"
)

// TestNoTypePrintsSecrets prints a value of each exported type that holds a secret in each
// way, alone and in each place that a program may have for it.
func TestNoTypePrintsSecrets(t *testing.T) {
	h := newHolders(t)
	marks := map[string][]string{}
	for label, secret := range h.secrets {
		if marks[label] = printed.Marks(secret); marks[label] == nil {
			t.Fatalf("%s is too short to be found", label)
		}
	}
	seen := map[string]bool{}
	for _, v := range h.values {
		for where, form := range v.places {
			for _, text := range printed.Forms(form) {
				if seen[text] {
					continue
				}
				seen[text] = true
				for label, secret := range marks {
					if printed.Shows(text, secret) {
						t.Errorf("%s as %s shows %s: %.80q", v.name, where, label, text)
						break
					}
				}
			}
		}
	}
	checkHoldersAreComplete(t, h.values)
}

// A holder is a value with a secret, in the places where a program may have it.
type holder struct {
	name   string
	places map[string]any
}

// held returns the places of a value. Package fmt calls no method on unexported fields.
func held[T any](p *T) holder {
	type user struct {
		v    T
		p    *T
		list []T
		byID map[string]T
		any  any
	}
	type open struct {
		V *T
		L []*T
	}
	v := *p
	return holder{strings.TrimPrefix(reflect.TypeOf(p).String(), "*"), map[string]any{
		"value": v, "pointer": p, "slice": []T{v}, "pointers": []*T{p},
		"array": [1]T{v}, "map": map[string]T{"x": v}, "any": []any{v, p},
		"user":         user{v, p, []T{v}, map[string]T{"x": v}, v},
		"user pointer": &user{v, p, []T{v}, map[string]T{"x": v}, p},
		"users":        []user{{v: v}}, "open": open{p, []*T{p}},
	}}
}

// holders are values with secrets, and these secrets.
type holders struct {
	values  []holder
	secrets map[string][]byte
}

func newHolders(t *testing.T) *holders {
	// The keys are text, so that each form of printing shows them.
	text := []byte("SECRETkeyTHATnobodyMAYeverPRINT!")
	key := ed25519.NewKeyFromSeed(text)
	leaf := testcert.New().Issue(key, nil, "localhost")
	id := ok(identity.New(leaf.Chain, key))
	psk, ticketKey := engine.NewPSK([]byte("device"), text), sealsock.NewTicketKey([32]byte(text))
	session := madeSession(t)
	echKey := ok(engine.NewECHKey(bytes.NewReader(bytes.Repeat(text, 64)), 1, "a.test", 0))
	join := slices.Concat([]byte{byte(relay.KindJoin), relay.Version}, make([]byte, 32), text[16:])
	joining := ok(relay.Parse(join))
	h := &holders{secrets: map[string][]byte{
		"the key": text, "the token": text[16:], "the session": sessionSecret(t, session),
		"the ECH key": ok(echKey.PrivateKey()),
	}}
	tickets := sealsock.SealTickets(keyList{ticketKey}, nil)
	cache, rotating := sealsock.NewMemoryCache(1), new(sealsock.RotatingKeys)
	cache.Put("localhost", session)
	rotating.TicketKeys(time.Now())
	cred := &engine.Credential{Chain: leaf.Chain, Signer: engine.NewSigner(key)}
	cred.Delegated = &engine.Delegated{Signer: cred.Signer, Scheme: iana.Ed25519}
	config := &engine.Config{
		Credentials: []*engine.Credential{cred}, PSKs: []*engine.PSK{psk},
		ECHKeys: []*engine.ECHKey{echKey}, Tickets: tickets,
	}
	h.values = append(h.values,
		held(&ticketKey), held(&tickets), held(cache), held(rotating), held(cred),
		held(cred.Delegated), held(&cred.Signer), held(config), held(&config.Options), held(psk), held(session),
		held(echKey), held(&engine.Event{Session: session}), held(&engine.Target{Session: session}), held(id), held(&id.Signer),
		held(&authority.Request{Signer: id.Signer}), held(&joining.Token), held(joining),
		held(answerOf((*engine.PSKQuery).Use, psk)),
		held(answerOf((*engine.SessionQuery).Use, session)),
		held(answerOf((*engine.CredentialRequest).Show, cred)),
		held(answerOf((*engine.ClientHelloInfo).Configure, config)),
	)
	h.addHandover(t, psk)
	h.addAuthority(t)
	h.addTalk(t, key, text)
	cfg := &sealsock.Config{
		Identities: []*identity.Identity{id}, PSKs: []*engine.PSK{psk}, Session: session,
		ECHKeys: []*engine.ECHKey{echKey}, Tickets: tickets,
	}
	h.addConnections(t, cfg)
	h.addQUIC(t)
	h.addFiles(t)
	h.values = append(h.values, held(ok(httptransport.New(cfg))))
	return h
}

// answerOf returns the Answer that a method of a question makes.
func answerOf[Q, V any](use func(*Q, V) engine.Answer, v V) *engine.Answer {
	answer := use(new(Q), v)
	return &answer
}

// addHandover adds a connection between two processes.
func (h *holders) addHandover(t *testing.T, psk *engine.PSK) {
	random := bytes.Repeat([]byte("HANDOVERtokenTHATmustNOTbePRINTED"), 2)
	key := ok(engine.NewTakeoverKey(bytes.NewReader(random)))
	other := ok(engine.NewTakeoverKey(bytes.NewReader(random)))
	r, s := openHalves(psk, func(label string, _, secret []byte) {
		h.secrets["of the handover: "+label] = bytes.Clone(secret)
	})
	h.values = append(h.values, held(s.Reserve(1)))
	sealed := ok(engine.HandOver(r, s, nil, key.Token(), nil))
	opened := ok(other.Open(sealed, nil))
	takeover := ok(sealsock.NewTakeover())
	h.secrets["the token"], h.secrets["another token"] = key.Token(), takeover.Token()
	h.values = append(h.values, held(key), held(opened), held(takeover))
}

// openHalves returns the halves of a server that is open.
func openHalves(
	psk *engine.PSK, log func(string, []byte, []byte),
) (*engine.Receiver, *engine.Sender) {
	cr, cs, err := engine.Client(&engine.Config{PSKs: []*engine.PSK{psk}}, engine.Target{})
	find := func([]byte) (*engine.PSK, error) { return psk, nil }
	sr, ss, serr := engine.Server(&engine.Config{FindPSK: find, KeyLog: log})
	if err != nil || serr != nil {
		panic(errors.Join(err, serr))
	}
	var toServer, toClient []byte
	for !sr.State().HandshakeDone || sr.Pending() {
		toServer = append(toServer, receive(cr, cs, &toClient)...)
		toClient = append(toClient, receive(sr, ss, &toServer)...)
	}
	return sr, ss
}

// receive processes what came in and returns what is to be sent.
func receive(r *engine.Receiver, s *engine.Sender, in *[]byte) (out []byte) {
	for {
		n, ev, err := r.Receive(*in)
		if *in = (*in)[n:]; err != nil {
			panic(err)
		}
		out = ok(s.Apply(out, ev.Reply))
		if ev.Kind == engine.EventWantRead {
			return out
		}
	}
}

// addAuthority adds an authority that has signed, and an identity that is read again.
func (h *holders) addAuthority(t *testing.T) {
	ca := ok(authority.Create(t.TempDir(), authority.Options{Algorithm: authority.Ed25519}))
	if _, _, err := ca.Issue(authority.Request{Names: []string{"localhost"}}); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(ca.Dir(), name) }
	signer := ok(identity.LoadKey(file("intermediate.key")))
	h.secrets["the authority's key"] = signer.(ed25519.PrivateKey).Seed()
	reloader := ok(identity.Watch(file("intermediate.pem"), file("intermediate.key")))
	h.values = append(h.values, held(ca), held(reloader))
}

// addTalk adds an invitation with a secret, and an identity with a key.
func (h *holders) addTalk(t *testing.T, key ed25519.PrivateKey, secret []byte) {
	file := filepath.Join(t.TempDir(), "identity.key")
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: ok(x509.MarshalPKCS8PrivateKey(key))}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	id := ok(talk.LoadIdentity(file))
	invitation := ok(talk.ParseInvitation("sealtalk:relay.test#" +
		base64.RawURLEncoding.EncodeToString(secret)))
	options := &talk.Options{Invitation: invitation, Identity: id}
	h.values = append(h.values, held(id), held(invitation), held(options))
}

// addFiles adds the keys of a fleet, the code of a transfer, and the key of an AddressCheck.
func (h *holders) addFiles(t *testing.T) {
	one, two := []byte("FILEkeyTHATmustNEVERbePRINTED123"), []byte("ANOTHERkeyTHATmustNEVERbePRINTED")
	name := filepath.Join(t.TempDir(), "keys")
	lines := hex.EncodeToString(one) + "\n" + hex.EncodeToString(two) + "\n"
	if err := os.WriteFile(name, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	random := []byte("COOKIEkeyTHATmustNEVERbePRINTED1")
	check := ok(engine.NewAddressCheck(&engine.Config{
		Rand: bytes.NewReader(random), FindPSK: func([]byte) (*engine.PSK, error) { return nil, nil },
	}))
	h.secrets["a key of a file"] = one
	h.secrets["the code"] = []byte("crystal-lagoon-crystal-lagoon-crystal")
	h.secrets["the key of cookies"] = random
	h.values = append(h.values, held(ok(fleet.OpenKeyFile(name, nil))), held(check),
		held(ok(transfer.ParseCode("7-crystal-lagoon-crystal-lagoon-crystal"))))
}

// addConnections adds cfg, and both ends of connections with its identity.
func (h *holders) addConnections(t *testing.T, cfg *sealsock.Config) {
	cc, sc := newConfigs(t)
	log := new(bytes.Buffer)
	cc.KeyLog = log
	a, b := socketPair(t, "unix")
	client, server := sealPair(t, a, b, cc, sc)
	for line := range strings.Lines(log.String()) {
		words := strings.Fields(line)
		h.secrets[words[0]] = ok(hex.DecodeString(words[2]))
	}
	listener := ok(sealsock.Listen(t.Context(), "127.0.0.1:0", cfg))
	t.Cleanup(func() { listener.Close() })
	plain := &sealsock.Config{Identities: cfg.Identities}
	old := ok(legacy.Listen(t.Context(), "127.0.0.1:0", plain))
	t.Cleanup(func() { old.Close() })
	receiver, sender, err := engine.Client(&engine.Config{PSKs: cfg.PSKs}, engine.Target{})
	if err != nil {
		t.Fatal(err)
	}
	state := client.State()
	h.values = append(h.values, held(cfg), held(client), held(server), held(&state),
		held(listener), held(ok(sealsock.NewDialer(cfg))), held(receiver), held(sender),
		held(ok(legacy.Server(a, plain))), held(old))
}

// addQUIC adds both ends of the handshake of a QUIC connection, and their events.
func (h *holders) addQUIC(t *testing.T) {
	key := engine.NewPSK([]byte("q"), bytes.Repeat([]byte{0x3c}, 32))
	h.secrets["the key of QUIC"] = bytes.Repeat([]byte{0x3c}, 32)
	options := engine.Options{ALPN: []string{"h3"}, PSKs: []*engine.PSK{key}}
	o := engine.QUICOptions{TransportParameters: []byte{}}
	client := ok(engine.QUICClient(&engine.Config{Options: options}, engine.Target{}, o))
	find := func([]byte) (*engine.PSK, error) { return key, nil }
	server := ok(engine.QUICServer(&engine.Config{Options: options, FindPSK: find}, o))
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	h.values = append(h.values, held(client), held(server), held(&o))
	for !server.State().HandshakeDone {
		for _, way := range [][2]*engine.QUICConn{{client, server}, {server, client}} {
			for ev := way[0].NextEvent(); ev.Kind != engine.QUICNoEvent; ev = way[0].NextEvent() {
				if secret := ev.Secret(); secret != nil {
					h.secrets[fmt.Sprint("of QUIC: ", len(h.secrets))] = secret
				}
				if ev.Kind == engine.QUICWriteData {
					if err := way[1].HandleData(ev.Level, ev.Data); err != nil {
						t.Fatal(err)
					}
				}
				h.values = append(h.values, held(&ev))
			}
		}
	}
}

// sessionSecret returns the secret of a session, which is the third of the fields that
// Marshal writes with a length of three bytes, behind 40 bytes.
func sessionSecret(t *testing.T, s *engine.Session) []byte {
	b := ok(s.Marshal())[40:]
	for range 2 {
		b = b[3+int(b[1])<<8+int(b[2]):]
	}
	if len(b) < 3+32 || b[2] < 32 {
		t.Fatal("the session has no secret where it is expected")
	}
	return b[3 : 3+int(b[2])]
}

func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// secretNames are in the declaration of a type that may hold a secret.
var secretNames = regexp.MustCompile(`Signer|PSK\b|PSKs|Session\b|TicketKey|Identity\b` +
	`|Credential\b|ECHKey\b|Tickets\b|[sS]ecret|[pP]rivate|[pP]assword|[kK]ey\b|\*Config\b`)

// withoutSecrets lists types whose declaration matches secretNames, and why they hold none.
var withoutSecrets = map[string]string{
	"certificate.Certificate": "a public key",
	"certificate.Item":        "descriptions",
	"certificate.Key":         "the public half",
	"certificate.Request":     "a public key",
	"engine.Delegation":       "a public key",
	"engine.SendingKey":       "printed by TestSendingKeyIsNotPrinted of package engine",
	"natsfleet.Member":        "printed by TestMemberNeverPrints: it needs a NATS server",
	"staple.Options":          "it names a type of identity",
	"tunnel.Certificate":      "names of files",
	"tunnel.Fleet":            "names of files",
	"tunnel.Options":          "a pointer to a TicketKeys, each of which is printed",
	"tunnel.Problem":          "a key of TOML",
	"tunnel.Server":           "pointers",
	"tunnel.TLS":              "names of files",
	"engine.ECHConfig":        "a public key",
	"engine.PeerCertificate":  "what a peer sent",
	"engine.PSKQuery":         "the public name of a key",
	"acme.Manager":            "pointers to each Identity, which is printed",
	"talk.Member":             "a hash of a public key",
	"trust.KnownPeers":        "hashes of public keys",
	"trust.Peer":              "what a peer sent",
	"trust.Result":            "public keys",
}

// checkHoldersAreComplete looks for exported types that may hold a secret and were not printed.
func checkHoldersAreComplete(t *testing.T, values []holder) {
	done := map[string]bool{}
	for _, v := range values {
		done[v.name] = true
	}
	eachType(t, func(name, declaration string) {
		_, listed := withoutSecrets[name]
		switch matches := secretNames.MatchString(declaration); {
		case listed && (!matches || done[name]):
			t.Errorf("remove %s from withoutSecrets", name)
		case matches && !listed && !done[name]:
			t.Errorf("%s may hold a secret and is not printed", name)
		}
	})
}

// eachType calls do with each exported type that is no interface, of the packages that
// others may import.
func eachType(t *testing.T, do func(name, declaration string)) {
	eachFile(t, func(_ string, file *ast.File) {
		for _, decl := range file.Decls {
			types, _ := decl.(*ast.GenDecl)
			if types == nil || types.Tok != token.TYPE {
				continue
			}
			for _, spec := range types.Specs {
				spec := spec.(*ast.TypeSpec)
				_, abstract := spec.Type.(*ast.InterfaceType)
				if !spec.Name.IsExported() || abstract || spec.Assign.IsValid() {
					continue
				}
				var text strings.Builder
				if err := printer.Fprint(&text, token.NewFileSet(), spec.Type); err != nil {
					t.Fatal(err)
				}
				do(file.Name.Name+"."+spec.Name.Name, text.String())
			}
		}
	})
}
