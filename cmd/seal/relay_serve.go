package main

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/message"
	rooms "github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/relay/natsbus"
)

const relayLong = `
Serve a relay on ADDRESS: a meeting point for the rooms of seal chat, and for seal send
and seal receive. It forwards messages that it cannot read, and learns the numbers of
rooms, the addresses of their members, and when and how much they send.

Without --cert, the local authority (seal ca) issues a certificate. A relay that is
used from other machines should have one of its own, whose key stays the same.

On the same port it serves a page, https://ADDRESS/, on which browsers join rooms by the
links of invitations, and WebSockets at wss://ADDRESS/relay, for members that reach it
through a web server. Users of the page trust who serves it with their texts.

Rooms have at most 50 members, and live in memory: members join again by themselves
when a relay was restarted, and no message is lost.

With --nats, relays that use the same NATS server or cluster share their rooms. If NATS
is lost, each relay still serves its own members, and messages to the others arrive when
it is back.`

const relayExample = `  seal relay :4433
  seal relay --cert server.pem --key server.key :4433
  seal relay --nats tls://nats.example:4222 --nats-auth nats.auth :4433
  seal chat new relay.example:4433 > invitation
  seal send --relay relay.example:4433 report.pdf`

// relayClients is how many clients a relay serves at once without --clients.
const relayClients = 4096

func newRelayCommand(out *output) *cobra.Command {
	flags := listenFlags{relay: true, clientAuth: "", tickets: defaultTickets}
	cmd := &cobra.Command{
		Use:     "relay ADDRESS",
		Short:   "Serve a meeting point for encrypted rooms",
		Long:    relayLong,
		Example: relayExample,
		Args:    exactArgs("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return listen(cmd.Context(), out, &flags, args[0])
		},
	}
	f := cmd.Flags()
	flags.limitFlags.register(f)
	flags.logFlags.register(f)
	flags.identityFlags.register(f)
	f.StringArrayVar(&flags.names, "name", nil, "an additional `name` for the certificate "+
		"of the local authority; may be given several times")
	f.DurationVar(&flags.timeout, "timeout", 10*time.Second, "`time` for a handshake")
	f.StringVar(&flags.memberRate, "member-rate", "256M",
		"how many `bytes` a second a member may send, as in 10M; beyond it waits")
	flags.fleet.nats.register(f, "share rooms with other relays")
	clients := f.Lookup("clients")
	flags.clients, clients.DefValue = relayClients, strconv.Itoa(relayClients)
	clients.Usage = "`number` of connections served at once; further clients are refused"
	return cmd
}

// relayService makes each connection a client of a relay, or of its page.
type relayService struct {
	server *rooms.Server
	web    *relayWeb
}

func newRelayService(bus rooms.Bus, limits rooms.Limits) relayService {
	server := rooms.NewServer(bus, limits)
	return relayService{server, newRelayWeb(server, limits.PerAddress)}
}

// maxMemberRate bounds --member-rate: it must fit an int of 32 bits.
const maxMemberRate = 1 << 30

// openRooms makes the service of a relay. o.done then also ends its use of NATS.
func (flags *listenFlags) openRooms(out *output, o *credentials) error {
	rate, err := parseSize(flags.memberRate)
	if err != nil || rate > maxMemberRate {
		return usage("--member-rate %q is not a number of bytes", flags.memberRate).
			hinted("as in --member-rate 10M")
	}
	limits := rooms.Limits{PerAddress: flags.perAddress, Rate: int(rate), Burst: int(rate)}
	if flags.fleet.nats.servers == "" {
		flags.rooms = newRelayService(rooms.NewMemory(0, 0), limits)
		return nil
	}
	nc, err := flags.fleet.nats.connect(out, false)
	if err != nil {
		return err
	}
	bus, err := natsbus.New(nc, natsbus.Options{})
	if err != nil {
		nc.Close()
		return failed(err, "--nats: %v", err).
			hinted("the account of the relay must be allowed to use the subjects sealsock.relay.>")
	}
	flags.rooms = newRelayService(bus, limits)
	done := o.done
	o.done = func() {
		bus.Close()
		nc.FlushTimeout(time.Second)
		nc.Close()
		done()
	}
	return nil
}

func (r relayService) serve(ctx context.Context, conn *serverConn) error {
	web, err := beginsHTTP(ctx, conn)
	switch {
	case err != nil:
		conn.Close()
	case web:
		err = r.web.serve(ctx, conn)
	default:
		err = r.server.Serve(ctx, conn)
	}
	if errors.Is(err, &rooms.Error{Code: rooms.CodeClosing}) {
		return nil
	}
	if errors.Is(err, message.ErrTooLong) {
		return &rooms.Error{Code: rooms.CodeProtocol}
	}
	return err
}

// listeningOf is the function of this name, but for the commands of a relay.
func (flags *listenFlags) listeningOf(a address.Address, at net.Addr, o *credentials) *listening {
	l := listeningOf(a, at, o)
	if flags.relay {
		l.inviting(o)
	}
	return l
}

// inviting replaces the commands that connect by those that use a relay.
func (l *listening) inviting(o *credentials) {
	if words := strings.Fields(l.Elsewhere); len(words) > 0 {
		// No invitation: it would last longer than the certificate of the local authority.
		l.Elsewhere = "seal send --relay " + words[len(words)-1] + " --pin " + l.Pin + " FILE"
	}
	if len(l.Commands) == 0 {
		return
	}
	words := strings.Fields(l.Commands[0])
	at, trust := words[len(words)-1], l.trusted(o.ca)
	pin, root := "", trust
	if o.ca == nil && l.RootFile == "" { // the invitation has the pin
		pin, root = trust, ""
	}
	l.Commands = []string{
		programName() + " chat new" + pin + " " + at + " > invitation",
		programName() + " chat join" + root + " invitation",
		programName() + " send --relay " + at + trust + " FILE",
	}
}
