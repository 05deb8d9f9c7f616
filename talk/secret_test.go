package talk

import (
	"testing"

	"github.com/sealsock/sealsock/internal/link"
	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/relay"
)

// TestWrongPairKey: two members whose packets are authentic for each other make no connection
// unless both have the secret of the invitation.
func TestWrongPairKey(t *testing.T) {
	right, wrong := invite(t), invite(t)
	for _, secrets := range [][2]*Invitation{{right, right}, {right, wrong}, {wrong, right}} {
		f := relaytest.New(t)
		met := make(chan error, 2)
		for _, invitation := range secrets {
			conns := make(chan *link.Conn, 1)
			h, err := link.NewHub(t.Context(), link.Options{
				Dial: f.Dial, Room: right.room(), Token: relay.NewToken(), Key: right.linkKey(),
				Notify: func(e link.Event) {
					if e.Kind == link.Joined {
						conns <- e.Conn
					}
				}})
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				c := <-conns
				_, err := pair(t.Context(), c, h.ID(), &Options{
					Invitation: invitation, Identity: NewIdentity(), Name: "m"})
				if err != nil {
					c.Close() // which ends the other side
				}
				met <- err
			}()
			t.Cleanup(func() { h.Close() })
		}
		for range 2 {
			if err := <-met; (err == nil) != (secrets[0] == secrets[1]) {
				t.Errorf("the secrets are equal: %v: %v", secrets[0] == secrets[1], err)
			}
		}
	}
}
