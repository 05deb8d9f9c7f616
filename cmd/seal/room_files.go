package main

import (
	"context"
	"time"

	"github.com/sealsock/sealsock/internal/chatscreen"
	"github.com/sealsock/sealsock/transfer"
)

// roomProgressEvery is the time between two lines about the progress of files in a room.
const roomProgressEvery = 5 * time.Second

// create begins a file that a member sends.
func (c *roomChat) create(
	ctx context.Context, name string, size int64,
) (chatscreen.Stored, error) {
	w, err := transfer.CreateFile(ctx, c.dir, name, size)
	if err != nil {
		return nil, err // and no nil *FileWriter in an interface
	}
	return w, nil
}

// showProgress prints the progress of files that take longer, until they are closed.
func (c *roomChat) showProgress(files *chatscreen.Files) {
	tick := time.NewTicker(roomProgressEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.answer(files.Moving())
		case <-files.Closed():
			return
		}
	}
}
