package interop

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/sealsock/sealsock"
)

// A mover is a connection that another process takes over in front of each Write: here it is
// the same process, with a descriptor of its own.
type mover struct {
	*sealsock.Conn
	cfg   *sealsock.Config
	moves bool
}

func (m *mover) Write(p []byte) (int, error) {
	if m.moves {
		if err := m.move(); err != nil {
			return 0, fmt.Errorf("the hand-over: %w", err)
		}
	}
	return m.Conn.Write(p)
}

func (m *mover) move() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	to, err := sealsock.NewTakeover()
	if err != nil {
		return err
	}
	old := m.NetConn()
	state, err := m.HandOver(ctx, to.Token(), nil)
	if err != nil {
		return err
	}
	defer old.Close()
	file, err := old.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return err
	}
	defer file.Close()
	raw, err := net.FileConn(file)
	if err != nil {
		return err
	}
	o, err := to.Open(raw, state)
	if err != nil {
		return err
	}
	m.Conn, err = o.Conn(ctx, m.cfg)
	return err
}
