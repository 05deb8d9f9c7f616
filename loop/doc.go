// Package loop drives many encrypted connections with few goroutines, over epoll on
// Linux and kqueue on macOS and FreeBSD. An idle connection costs no goroutine and no
// buffer, so a process can hold as many as it has descriptors.
//
// The handshake runs where it always does: in [sealsock.Dial] or a [sealsock.Listener],
// with their timeouts and limits. Afterwards [Group.Add] takes the connection over, and
// its [Handler] is called with what arrives. All calls for one connection come from one
// goroutine, which the connections of that loop share: a Handler must not block.
//
//	g, err := loop.New(loop.Options{})
//	l, err := sealsock.Listen(ctx, ":4433", cfg)
//	err = g.Serve(ctx, l, handler)
//
// Output that the peer does not take is kept, up to a bound; then Write returns
// [ErrFull], and OnDrained reports when there is room again.
package loop
