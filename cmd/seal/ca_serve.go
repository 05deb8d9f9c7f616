package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/internal/printable"
)

const serveLong = `Serve over HTTP what peers need of the authority: revocation status (OCSP at /ocsp,
lists at /crl and /root.crl), the root (/root.pem), and with --acme certificates for
machines of the local network that prove their names (ACME at /acme/directory). New
certificates contain the URLs of these services. Plain HTTP is safe: the responses are
signed.`

type serveFlags struct {
	url   string
	acme  bool
	allow []string
}

func newCAServe(out *output) *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:     "serve ADDRESS",
		Short:   "Serve revocation status, and ACME to the local network",
		Long:    serveLong,
		Example: "  seal ca serve ca.lan:8440\n  seal ca serve --acme --url http://ca.lan:8440 :8440",
		Args:    exactArgs("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.serve(cmd.Context(), out, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.url, "url", "", "the `URL` for certificates to name, if it is not http://ADDRESS")
	f.BoolVar(&flags.acme, "acme", false, "issue certificates to machines that prove their names (RFC "+
		"8555): only for a trusted network")
	f.StringArrayVar(&flags.allow, "acme-allow", nil,
		"a loopback, link-local or other `network` that validations may connect to as well; may be given "+
			"several times")
	return cmd
}

func (flags *serveFlags) serve(ctx context.Context, out *output, text string) error {
	a, err := address.Parse(text)
	if err != nil {
		return err
	}
	service, err := flags.service()
	if err != nil {
		return err
	}
	ca, err := existingAuthority()
	if err != nil {
		return err
	}
	if err := ca.Check(); err != nil {
		return err
	}
	l, err := a.Listen(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	url := flags.url
	if url == "" {
		if url, err = ownURL(a, l.Addr()); err != nil {
			return err
		}
	}
	if ca.URL() != url {
		if err := ca.SetURL(url); err != nil {
			return unsetURL(err)
		}
	}
	if service != nil {
		service.OnError = func(err error) {
			out.warn("an ACME client was refused: %s", printable.Line(err.Error()))
		}
	}
	out.print(serving{Address: addressText(l.Addr()), URL: url, ACME: flags.acme})
	return serveHTTP(ctx, l, sourced(l.Addr(), ca.Handler(service)))
}

// unsetURL is the problem of a URL that the authority does not take, or cannot store.
func unsetURL(err error) error {
	if _, stored := errors.AsType[*fs.PathError](err); stored {
		return failed(err, "the URL cannot be stored: %v", err).
			hinted("check the folder of the authority, and its free space")
	}
	return usage("--url: %v", err).hinted("as in --url http://ca.lan:8440")
}

// service is the ACME service that the flags ask for, or nil.
func (flags *serveFlags) service() (*authority.ACME, error) {
	if !flags.acme {
		if len(flags.allow) > 0 {
			return nil, usage("--acme-allow needs --acme").hinted("add --acme, or leave it out")
		}
		return nil, nil
	}
	service := new(authority.ACME)
	for _, text := range flags.allow {
		networkErr, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, usage("--acme-allow %q is not a network", text).hinted("as in --acme-allow 127.0.0.0/8")
		}
		network := admit.Unmapped(networkErr.Masked())
		service.AllowValidation = append(service.AllowValidation, network)
	}
	return service, nil
}

// ownURL returns the URL by which clients reach this listener.
func ownURL(a address.Address, at net.Addr) (string, error) {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return "", usage("%s has no address for certificates to name", a).hinted("name one: --url http://ca.lan:8440")
	}
	host := a.Host()
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		name, err := os.Hostname()
		if err != nil {
			return "", failed(err, "the name of this machine is unknown: %v", err).hinted("name an address that peers can reach: --url http://ca.lan:8440")
		}
		host = strings.ToLower(name)
	}
	return "http://" + net.JoinHostPort(host, portOf(tcp)), nil
}

func portOf(a *net.TCPAddr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// sourced returns h for a listener at an address. Clients of a UNIX socket are one source: each may
// give its end another name, which the limits of the authority would take for another source.
func sourced(at net.Addr, h http.Handler) http.Handler {
	if _, local := at.(*net.UnixAddr); !local {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "the UNIX socket" // as errors name it
		h.ServeHTTP(w, r)
	})
}

// serveHTTP serves until ctx ends. The end of ctx is not an error.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	stop := context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if s.Shutdown(within) != nil {
			s.Close()
		}
	})
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// serving reports the address and the URL of the authority.
type serving struct {
	Address string `json:"address"`
	URL     string `json:"url"`
	ACME    bool   `json:"acme"`
}

func (serving) event() string { return "serving" }

func (s serving) text() string {
	text := "seal: serving on " + s.Address + "; new certificates name " + s.URL
	if s.ACME {
		text += "\nACME clients use " + s.URL + "/acme/directory"
	}
	return text
}
