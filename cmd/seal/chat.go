package main

import (
	"context"
	"errors"

	"github.com/sealsock/sealsock/chat"
	"github.com/sealsock/sealsock/internal/printable"
)

// chatService is the service that makes each connection a member of one room.
type chatService struct{ room *chat.Room }

// newChatService makes a room for as many members as connections are served at once.
func newChatService(out *output, members int) chatService {
	return chatService{chat.New(chat.Limits{Members: members}, func(e chat.Event) {
		n := chatEvent{What: "left", Name: e.Name, Remote: addressText(e.Remote)}
		if e.Joined {
			n.What = "joined"
		}
		if e.Reason != nil {
			n.Reason = explain(e.Reason).text
		}
		out.print(n)
	})}
}

func (c chatService) serve(ctx context.Context, conn *serverConn) error {
	err := c.room.Serve(ctx, conn)
	if errors.Is(err, chat.ErrClosed) {
		return nil
	}
	return err
}

// chatEvent reports that a member has joined or left.
type chatEvent struct {
	What   string `json:"what"` // "joined" or "left"
	Name   string `json:"name"`
	Remote string `json:"remote"`
	Reason string `json:"reason,omitempty"`
}

func (chatEvent) event() string { return "chat" }

func (c chatEvent) text() string {
	text := "seal: " + c.Name + " (" + c.Remote + ") has " + c.What
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	return printable.Line(text)
}
