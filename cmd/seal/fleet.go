package main

import (
	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/fleet"
	"github.com/sealsock/sealsock/fleet/natsfleet"
)

// fleetFlags holds the flags for what several servers share.
type fleetFlags struct {
	nats       natsFlags
	secret     string
	ticketKeys string
}

func (f *fleetFlags) register(set *pflag.FlagSet) {
	f.nats.register(set, "share tickets, 0-RTT attempts and --rate with other servers, "+
		"which have the same --fleet-secret")
	set.StringVar(&f.secret, "fleet-secret", "", "the secret of the servers that share over "+
		"--nats, a `file` with a line of 64 hexadecimal digits")
	set.StringVar(&f.ticketKeys, "ticket-keys", "", "keys of tickets that servers share without "+
		"--nats, a `file` with lines of 64 hexadecimal digits; it is read again when it changes")
}

// given reports whether a flag asks for sharing.
func (f *fleetFlags) given() bool { return f.secret != "" || f.ticketKeys != "" }

// check finds flags that contradict each other. early is whether 0-RTT data is accepted, and
// tickets whether there are any.
func (f *fleetFlags) check(early, tickets bool) error {
	switch {
	case f.nats.servers != "" && f.secret == "":
		return usage("--nats needs the secret of the servers").
			hinted("add --fleet-secret FILE; openssl rand -hex 32 creates a secret")
	case f.secret != "" && f.nats.servers == "":
		return usage("--fleet-secret is for servers that share over --nats").hinted("add --nats URL")
	case f.secret != "" && f.ticketKeys != "":
		return usage("--fleet-secret and --ticket-keys are mutually exclusive").
			hinted("servers that share over --nats make their keys themselves")
	case f.ticketKeys != "" && early:
		return usage("--ticket-keys excludes --max-early-data: each server would accept the same " +
			"0-RTT data once").hinted("share over --nats and --fleet-secret instead")
	case f.given() && !tickets:
		return usage("there are no tickets to share, because --tickets 0 disables them").
			hinted("leave out one of them")
	}
	return nil
}

// A fleetState reports whether this server shares with the others.
type fleetState struct {
	Shared bool   `json:"shared"`
	Reason string `json:"reason,omitempty"`
}

func (fleetState) event() string { return "fleet" }

func (s fleetState) text() string {
	switch {
	case !s.Shared:
		return "seal: warning: the servers share nothing now, and 0-RTT data is refused: " + oneLine(s.Reason)
	case s.Reason != "":
		return "seal: warning: " + oneLine(s.Reason)
	}
	return "seal: the servers share their ticket keys"
}

// share makes cfg use what the servers share, and g, which may be nil, their rate. o.done then
// also ends the sharing.
func (f *fleetFlags) share(out *output, o *credentials, g *gate) error {
	if f.ticketKeys != "" {
		keys, err := fleet.OpenKeyFile(f.ticketKeys, func(err error) {
			out.warn("--ticket-keys: the file has changed and cannot be used: %s", reason(err))
		})
		if err != nil {
			return failed(err, "--ticket-keys: %v", err).hinted("it has at least two lines of 64 " +
				"hexadecimal digits, of which the first seals tickets; openssl rand -hex 32 creates one")
		}
		o.cfg.Tickets = sealsock.SealTickets(keys, nil)
		return nil
	}
	if f.secret == "" {
		return nil
	}
	secret, err := fleet.ReadSecret(f.secret)
	if err != nil {
		return failed(err, "--fleet-secret: %v", err).
			hinted("it has one line of 64 hexadecimal digits; openssl rand -hex 32 creates it")
	}
	nc, err := f.nats.connect(out, true)
	if err != nil {
		return err
	}
	member, err := f.join(out, nc, secret)
	if err != nil {
		nc.Close()
		return err
	}
	o.cfg.Tickets = sealsock.SealTickets(member, nil)
	if o.cfg.MaxEarlyData > 0 {
		o.cfg.AntiReplay = member
	}
	if g != nil && g.rate != nil {
		g.rate.Limiter = member.Limiter("listen", g.rate.most, g.rate.per)
	}
	done := o.done
	o.done = func() {
		member.Close()
		nc.Close()
		done()
	}
	return nil
}

func (f *fleetFlags) join(
	out *output, nc *nats.Conn, secret fleet.Secret,
) (*natsfleet.Member, error) {
	return natsfleet.Join(nc, secret, natsfleet.Options{OnState: func(s natsfleet.State) {
		state := fleetState{Shared: s.Shared}
		if s.Err != nil {
			state.Reason = reason(s.Err)
		}
		out.print(state)
	}})
}
