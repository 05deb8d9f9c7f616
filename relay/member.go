package relay

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/sealsock/sealsock/message"
)

// A Member is the client's side of a place in a room. Any number of goroutines may use it.
type Member struct {
	id       MemberID
	messages *message.Conn
	members  []MemberID
}

// Join joins a room over conn, which it takes over. If the relay refuses, the error is an
// [*Error].
func Join(ctx context.Context, conn net.Conn, room RoomID, token Token) (*Member, error) {
	if conn == nil {
		return nil, errNotMade
	}
	c := &Member{id: token.Member(room), messages: messagesOver(conn)}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	join := Message{Kind: KindJoin, Room: room, Token: token}
	sent := make(chan error, 1) // a relay may refuse before it reads
	go func() { sent <- c.messages.Send(join.Append(nil)) }()
	m, err := c.Receive()
	if err == nil && m.Kind != KindWelcome {
		err = fmt.Errorf("relay: its first message is of kind %d: %w", m.Kind, ErrMalformed)
	}
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		<-sent
		return nil, err
	}
	if err := <-sent; err != nil {
		conn.Close()
		return nil, err
	}
	c.members = m.Members
	return c, nil
}

// ID returns the member's own identifier.
func (c *Member) ID() MemberID {
	if c == nil {
		return MemberID{}
	}
	return c.id
}

// Members returns the other members at the time of the joining.
func (c *Member) Members() []MemberID {
	if c == nil {
		return nil
	}
	return c.members
}

// Send sends a payload to another member.
func (c *Member) Send(to MemberID, payload []byte) error {
	return c.SendAll(to, payload)
}

// SendAll sends payloads to another member in order, in fewer writes than one for each. It
// keeps no part of them. If one is too long, none is sent.
func (c *Member) SendAll(to MemberID, payloads ...[]byte) error {
	if c == nil || c.messages == nil {
		return errNotMade
	}
	batch := make([]*Message, 0, 8)
	for _, payload := range payloads {
		if len(payload) > MaxPayload {
			return fmt.Errorf("relay: a payload of %d bytes exceeds the limit of %d: %w",
				len(payload), MaxPayload, message.ErrTooLong)
		}
		batch = append(batch, &Message{Kind: KindSend, Member: to, Payload: payload})
	}
	return new(outgoing).send(c.messages, batch...)
}

// Ping asks for a pong. A member that has nothing to send does so at least once a minute.
func (c *Member) Ping() error {
	if c == nil || c.messages == nil {
		return errNotMade
	}
	return c.messages.Send([]byte{byte(KindPing)})
}

// Receive returns the next message. An error message of the relay is returned as an
// [*Error].
func (c *Member) Receive() (*Message, error) {
	if c == nil || c.messages == nil {
		return nil, errNotMade
	}
	b, err := c.messages.Receive(nil)
	if err != nil {
		return nil, err
	}
	m, err := parseOwned(b)
	switch {
	case err != nil:
		return nil, err
	case m.Kind == KindError:
		return nil, &Error{m.Code}
	case m.Kind < KindWelcome:
		return nil, fmt.Errorf("relay: it sent a message of kind %d, which clients send: %w",
			m.Kind, ErrMalformed)
	}
	return m, nil
}

// SetReadDeadline sets the time when a Receive that waits gives up. The zero time is none.
func (c *Member) SetReadDeadline(t time.Time) error {
	if c == nil || c.messages == nil {
		return errNotMade
	}
	return c.messages.SetReadDeadline(t)
}

// Close closes the connection. The member leaves the room.
func (c *Member) Close() error {
	if c == nil || c.messages == nil {
		return errNotMade
	}
	return c.messages.Close()
}
