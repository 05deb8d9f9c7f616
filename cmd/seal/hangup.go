package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sealsock/sealsock/identity"
)

// reloaderOf returns what reads the files of a source, or nil if it has none.
func reloaderOf(source identity.Source) *identity.Reloader {
	if raw, ok := source.(rawSource); ok {
		source = raw.Source
	}
	files, _ := source.(*identity.Reloader)
	return files
}

// reloadOnHangup makes SIGHUP read the files of the certificate again, until stop is
// called. When the terminal of the process is gone, the signal ends the context that
// is returned, since no user can reach the process any more. A listener without files
// keeps the system's default, which is to end, and SIGHUP stays ignored under nohup.
func (o *credentials) reloadOnHangup(ctx context.Context) (_ context.Context, stop func()) {
	if len(o.files) == 0 || signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	attached := hasTerminal()
	ctx, cancel := context.WithCancelCause(ctx)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for {
			select {
			case s := <-hangups:
				if attached && !hasTerminal() {
					cancel(&interrupted{s})
					return
				}
				for _, files := range o.files {
					_ = files.Reload() // it reports what it found
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(hangups)
		cancel(nil)
	}
}

// hasTerminal reports whether the process has a controlling terminal.
func hasTerminal() bool {
	f, err := openTerminal()
	if err != nil {
		return false
	}
	f.Close()
	return true
}
