package address_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/socket"
)

// TestAudit shows that the auditor sees, and can refuse, what Dial, Listen,
// DialPacket and ListenPacket do, also where package net makes the socket.
func TestAudit(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	refused := ""
	socket.SetAuditor(func(e socket.AuditEvent) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprint(e.Op, " ", e.Family, e.Name, " ", e.Addr != nil))
		if e.Op == refused {
			return errors.New("not today")
		}
		return nil
	})
	defer socket.SetAuditor(nil)
	tests := map[string]string{"tcp4://localhost:0": "inet", "udp4://localhost:1": "inet"}
	if runtime.GOOS != "windows" {
		tests["unix://"+filepath.Join(t.TempDir(), "s")] = "unix"
	}
	for text, family := range tests {
		a := address.MustParse(text)
		for _, op := range []string{"bind", "connect"} {
			want := []string{"socket " + family + " false", op + " " + family + " true"}
			if a.Host() != "" {
				want = append(want, "getaddrinfo localhost false")
			}
			for _, no := range append([]string{""}, op, "socket") {
				seen, refused = nil, no
				c, err := use(a, op)
				if no != "" && !strings.Contains(fmt.Sprint(err), "refused by the auditor: not today") {
					t.Errorf("%s %s: %v, want the auditor's refusal of %s", op, a, err, no)
				}
				if c != nil {
					c.Close()
				}
				for _, w := range want {
					if no == "" && !slices.Contains(seen, w) {
						t.Errorf("%s %s: the auditor saw %q, want %q among them", op, a, seen, w)
					}
				}
			}
		}
	}
}

// use binds or connects. That nothing listens is no matter.
func use(a address.Address, op string) (io.Closer, error) {
	ctx := context.Background()
	switch {
	case a.Network() == "udp4" && op == "bind":
		return closer(a.ListenPacket(ctx))
	case a.Network() == "udp4":
		return closer(a.DialPacket(ctx))
	case op == "bind":
		return closer(a.Listen(ctx))
	}
	return closer(a.Dial(ctx))
}

func closer[C io.Closer](c C, err error) (io.Closer, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}
