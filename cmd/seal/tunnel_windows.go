package main

import (
	"context"
	"errors"
)

var errNoSignals = errors.New("not implemented on windows")

// hasReloadSignal: no process can tell another one to reload.
const hasReloadSignal = false

// nonblock is of no use where files do not block.
const nonblock = 0

func signalUpgrade(int) error { return errNoSignals }
func signalReload(int) error  { return errNoSignals }

func (r *tunnelRun) open(ctx context.Context) error { return r.server.Listen(ctx) }

func catchSignals() tunnelSignals { return tunnelSignals{} }

func (r *tunnelRun) onSignals(context.Context, tunnelSignals) (stop func()) { return func() {} }

func notifySystemd(string) {}
