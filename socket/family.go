package socket

import "context"

// Dial opens a socket of the family and connects it. proto is 0 for the family's usual
// protocol. After an error no socket is left open.
func (f Family) Dial(ctx context.Context, typ Type, proto int, a Addr) (*Socket, error) {
	return f.Open(typ, proto, func(s *Socket) error { return s.Connect(ctx, a) })
}

// Bind opens a socket of the family and binds it to an address. proto is 0 for the
// family's usual protocol. After an error no socket is left open.
func (f Family) Bind(typ Type, proto int, a Addr) (*Socket, error) {
	return f.Open(typ, proto, func(s *Socket) error { return s.Bind(a) })
}

// Listen opens a socket of the family that accepts connections to an address, with the
// system's largest backlog. proto is 0 for the family's usual protocol. After an error
// no socket is left open.
func (f Family) Listen(typ Type, proto int, a Addr) (*Listener, error) {
	s, err := f.Open(typ, proto, func(s *Socket) error {
		if err := s.Bind(a); err != nil {
			return err
		}
		return s.Listen(0)
	})
	if err != nil {
		return nil, err
	}
	return s.Listener(), nil
}

// Open opens a socket of the family and has it prepared. It closes the socket, and
// returns the error of prepare, if that fails.
func (f Family) Open(typ Type, proto int, prepare func(*Socket) error) (*Socket, error) {
	s, err := New(f, typ, proto)
	if err != nil {
		return nil, err
	}
	if err := prepare(s); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}
