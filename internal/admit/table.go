package admit

import (
	"container/list"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A table holds the connections that Accept has not returned yet.
type table struct {
	total, perAddress int // negative for no bound

	mu        sync.Mutex
	count     int        // entries, those that were ended but have not left included
	order     *list.List // of *entry: handshakes under way, the oldest first
	byAddress map[netip.Prefix]*list.List
	left      chan struct{} // holds a value after an entry has left
}

// An entry is one connection in a table.
type entry struct {
	network   netip.Prefix // invalid for an address without one
	end       context.CancelCauseFunc
	inOrder   *list.Element // nil once the handshake is done or was ended
	inAddress *list.Element
}

func newTable(total, perAddress int) *table {
	return &table{
		total: total, perAddress: perAddress, order: list.New(),
		byAddress: map[netip.Prefix]*list.List{}, left: make(chan struct{}, 1),
	}
}

// A CrowdError is the reason why a handshake ended for another client's. It is the cause
// in an *engine.Error.
type CrowdError struct {
	// Limit is the bound that was reached, and Network the addresses that it is
	// for; the zero Prefix means all. A Limit of 0 means that the process had
	// no file descriptor left.
	Limit   int
	Network netip.Prefix
}

// Error names the bound that was reached.
func (e *CrowdError) Error() string {
	const oldest = ", and this one was the oldest"
	switch {
	case e.Limit == 0:
		return "the process has no file descriptor left" + oldest
	case e.Network.IsValid():
		return fmt.Sprintf("the limit of %d handshakes for %v is reached%s", e.Limit, e.Network, oldest)
	}
	return fmt.Sprintf("the limit of %d handshakes is reached%s", e.Limit, oldest)
}

var errDescriptors = &CrowdError{}

// ended returns the error for the client whose handshake ends.
func (e *CrowdError) ended() error {
	err := &engine.Error{
		Fault: engine.FaultLimit, Alert: iana.AlertInternalError,
		Reason: "the handshake was ended in favor of a newer one", Err: e,
		Hint: "the client was slow or silent; if it was legitimate, raise Config.MaxHandshakes",
	}
	switch {
	case e.Limit == 0:
		err.Hint = "raise the limit of open files, or lower Config.MaxHandshakes"
	case e.Network.IsValid():
		err.Hint += "PerAddress"
	}
	return err
}

// enter adds an entry for a client. It ends the oldest handshake of a bound that
// is reached. If there is none to end, it waits until an entry leaves. The context
// is for the client's handshake. The entry is nil if ctx ended first.
func (t *table) enter(ctx context.Context, peer net.Addr) (context.Context, *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &entry{network: NetworkOf(peer)}
	if of := t.byAddress[e.network]; of != nil && t.perAddress >= 0 && of.Len() >= t.perAddress {
		t.endEntry(of.Front().Value.(*entry), &CrowdError{t.perAddress, e.network})
	}
	select {
	case <-t.left: // an old one
	default:
	}
	for t.total >= 0 && t.count >= t.total {
		t.endFirst(&CrowdError{Limit: t.total})
		t.mu.Unlock()
		select {
		case <-t.left:
		case <-ctx.Done():
		}
		t.mu.Lock()
		if ctx.Err() != nil {
			return nil, nil
		}
	}
	t.count++
	e.inOrder = t.order.PushBack(e)
	if e.network.IsValid() {
		of := t.byAddress[e.network]
		if of == nil {
			of = list.New()
			t.byAddress[e.network] = of
		}
		e.inAddress = of.PushBack(e)
	}
	ctx, e.end = context.WithCancelCause(ctx)
	return ctx, e
}

// done records that e's handshake is done: it does not end for another's any more.
func (t *table) done(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(e)
}

// leave takes e out of the table.
func (t *table) leave(e *entry) {
	e.end(context.Canceled)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(e)
	t.count--
	select {
	case t.left <- struct{}{}:
	default:
	}
}

// endOldest ends the oldest handshake, if there is one.
func (t *table) endOldest(why *CrowdError) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endFirst(why)
}

func (t *table) endFirst(why *CrowdError) {
	if first := t.order.Front(); first != nil {
		t.endEntry(first.Value.(*entry), why)
	}
}

func (t *table) endEntry(e *entry, why *CrowdError) {
	t.remove(e)
	e.end(why.ended())
}

// remove takes e out of the lists of handshakes that may be ended.
func (t *table) remove(e *entry) {
	if e.inOrder != nil {
		t.order.Remove(e.inOrder)
		e.inOrder = nil
	}
	if e.inAddress != nil {
		of := t.byAddress[e.network]
		of.Remove(e.inAddress)
		if e.inAddress = nil; of.Len() == 0 {
			delete(t.byAddress, e.network)
		}
	}
}
