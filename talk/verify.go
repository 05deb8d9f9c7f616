package talk

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sealsock/sealsock/trust"
)

// ErrNoMember is in the error for a member that is not in the room, or no longer.
var ErrNoMember = errors.New("no such member is in the room")

// verifiedName is the name of a member in the file of verified keys.
func verifiedName(name string) string { return lookAlikes(name)[0] }

// isVerified reports whether a key was verified for a name. With a file that cannot be
// read, no key is.
func (r *Room) isVerified(name string, pin trust.Pin) bool {
	if r.opts.Verified == nil {
		return false
	}
	pins, err := r.opts.Verified.Pins(verifiedName(name))
	return err == nil && slices.Contains(pins, pin)
}

// Verify records that this member has compared the words of m with it, over another channel
// where both recognize each other. The key of m counts as verified from now on, in other
// rooms too. The error has ErrNoMember if m has left: another that came since, under the same
// name, is not the one that was compared.
func (r *Room) Verify(m Member) error {
	if !r.usable() {
		return errNotMade
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.peers {
		if !p.ready || p.info.ID != m.ID || p.info.Words != m.Words {
			continue
		}
		if r.opts.Verified != nil && !r.isVerified(p.pairing.name, p.pin) {
			if err := r.opts.Verified.Add(verifiedName(p.pairing.name), p.pin); err != nil {
				return fmt.Errorf("talk: the verified key of %s cannot be stored: %w",
					p.info.Name, err)
			}
		}
		p.info.Verified = true
		return nil
	}
	return fmt.Errorf("talk: %s: %w", m.Name, ErrNoMember)
}
