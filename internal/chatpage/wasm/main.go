//go:build js && wasm

// Command wasm is the program of the relay's page: a member of a room in a browser. It offers
// sealChat to the page's script, and calls its sealPage.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/url"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"github.com/coder/websocket"

	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/talk"
)

// farewell is how long the others have to receive what was sent.
const farewell = 10 * time.Second

// maxPending is how many texts wait to be sent.
const maxPending = 100

// A member is this page's place in a room.
type member struct {
	mu   sync.Mutex
	room *talk.Room
	out  chan string

	files transfers
}

func main() {
	m := &member{out: make(chan string, maxPending)}
	js.Global().Set("sealChat", js.ValueOf(map[string]any{
		"join": function(func(args []js.Value) {
			go m.join(args[0].String(), args[1].String(), args[2].String())
		}),
		"send": function(func(args []js.Value) {
			select {
			case m.out <- args[0].String():
			default:
				call("alarm", "a text was not sent: too many wait")
			}
		}),
		"verify": function(func(args []js.Value) { go m.verify(args[0].String(), args[1].String()) }),
		"offer":  function(func(args []js.Value) { go m.offer(args[0]) }),
		"answer": function(func(args []js.Value) { go m.answer(args[0].Int(), args[1].String()) }),
		"leave":  function(func([]js.Value) { go m.leave() }),
	}))
	call("ready", stored("name"))
	select {}
}

func function(do func([]js.Value)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		do(args)
		return nil
	})
}

// call calls a function of the page's script.
func call(name string, args ...any) { js.Global().Get("sealPage").Call(name, args...) }

// stored returns what this page has kept in the browser under a name, or "".
func stored(name string) string {
	v := js.Global().Get("localStorage").Call("getItem", "seal-chat-"+name)
	if v.Type() != js.TypeString {
		return ""
	}
	return v.String()
}

func store(name, value string) {
	js.Global().Get("localStorage").Call("setItem", "seal-chat-"+name, value)
}

// identity returns the key of this browser for this relay, which it makes if there is none.
func identity() *talk.Identity {
	seed, err := base64.RawURLEncoding.DecodeString(stored("key"))
	if err != nil || len(seed) != ed25519.SeedSize {
		seed = make([]byte, ed25519.SeedSize)
		rand.Read(seed) // never fails
		store("key", base64.RawURLEncoding.EncodeToString(seed))
	}
	id, err := talk.IdentityOf(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		panic(err) // not for a key of this size
	}
	return id
}

// join joins the room of an invitation, through the relay of the page.
func (m *member) join(page, text, name string) {
	invitation, err := talk.ParseInvitation(text)
	if err != nil {
		call("failed", "This is no invitation. Open the whole link that you were sent.")
		return
	}
	at, err := url.Parse(page)
	if err != nil {
		call("failed", printable.Line(err.Error()))
		return
	}
	at.Scheme = "wss"
	at = at.JoinPath(talk.LinkResource)
	call("state", "connecting")
	room, err := talk.Join(context.Background(), talk.Options{
		Invitation: invitation, Name: strings.TrimSpace(name), Identity: identity(),
		Dial: func(ctx context.Context) (net.Conn, error) { return dial(ctx, at.String()) },
	})
	if err != nil {
		call("state", "not connected")
		call("failed", printable.Line(err.Error()))
		return
	}
	store("name", strings.TrimSpace(name))
	m.mu.Lock()
	m.room = room
	m.mu.Unlock()
	call("state", "connected")
	call("joined", strings.TrimSpace(name))
	go m.send()
	m.receive()
}

// dial connects to the relay. The connection outlives ctx.
func dial(ctx context.Context, at string) (net.Conn, error) {
	c, _, err := websocket.Dial(ctx, at, nil)
	if err != nil {
		return nil, err
	}
	return websocket.NetConn(context.Background(), c, websocket.MessageBinary), nil
}

// send sends what waits, in order.
func (m *member) send() {
	for text := range m.out {
		n, err := m.room.Send(context.Background(), text)
		switch {
		case err != nil:
			call("alarm", "a text was not sent: "+printable.Line(err.Error()))
			return
		case n == 0:
			call("note", "no other member is in the room: the text was not sent")
		}
	}
}

// receive shows what happens in the room until its end.
func (m *member) receive() {
	for {
		e, err := m.room.Receive(context.Background())
		if err != nil {
			return
		}
		m.show(e)
	}
}

// notes are the texts for events, before the reason.
var notes = map[talk.EventKind]string{
	talk.Joined:    " has joined; compare the words to verify its key",
	talk.Left:      " has left",
	talk.Away:      " cannot be reached now; texts to it wait",
	talk.Back:      " can be reached again",
	talk.Lost:      "the connection to the relay has ended, and is tried again",
	talk.Refused:   "another member was refused",
	talk.Suspect:   "something was received that no member sent, and dropped",
	talk.Irregular: " is reached by a relay that is not reliable; its texts arrive once and in order",
	talk.Crowded:   "another member was left out, because there are too many",
}

func (m *member) show(e *talk.Event) {
	if e.Kind == talk.Text {
		call("text", e.Member.Name, printable.Line(e.Text))
		return
	}
	if e.Kind == talk.Offered {
		m.offered(e.Member, e.File)
		return
	}
	if e.Kind == talk.Withdrawn {
		m.withdraw(e.Member, e.File)
		return
	}
	if e.Kind == talk.Left {
		m.withdraw(e.Member, nil)
	}
	text, ok := notes[e.Kind]
	if strings.HasPrefix(text, " ") {
		text = e.Member.Name + text
	}
	if e.Err != nil {
		text += ": " + printable.Line(e.Err.Error())
	}
	switch {
	case e.Kind == talk.Connected:
		call("state", "connected")
	case e.Kind == talk.Refused || e.Kind == talk.Suspect:
		call("alarm", text)
	case ok:
		call("note", text)
	}
	if e.Kind == talk.Lost {
		call("state", "NOT CONNECTED")
	}
	m.showMembers()
}

func (m *member) showMembers() {
	var all []any
	for _, other := range m.room.Members() {
		all = append(all, map[string]any{
			"id": other.ID.String(), "name": other.Name, "words": other.Words,
			"verified": other.Verified, "away": other.Away,
		})
	}
	call("members", js.ValueOf(all))
}

// verify records that the user has compared the words of a member.
func (m *member) verify(id, words string) {
	for _, other := range m.room.Members() {
		if other.ID.String() != id || other.Words != words {
			continue
		}
		if err := m.room.Verify(other); err == nil {
			call("note", other.Name+" is verified, until you leave the page")
			m.showMembers()
			return
		}
	}
	call("note", "not verified: the member has left")
}

// leave leaves the room when the others have received everything.
func (m *member) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	call("state", "leaving")
	for _, t := range m.files.find(func(*transfer) bool { return true }) {
		t.cancel()
	}
	err := m.room.Close(ctx)
	call("state", "you have left the room")
	if err != nil {
		call("alarm", printable.Line(err.Error()))
	}
}
