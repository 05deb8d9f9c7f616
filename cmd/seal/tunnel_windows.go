package main

import (
	"context"
	"errors"
	"os"
)

var errNoSignals = errors.New("not implemented on windows")

func signalUpgrade(int) error { return errNoSignals }
func signalReload(int) error  { return errNoSignals }

func (r *tunnelRun) open(ctx context.Context) error { return r.server.Listen(ctx) }

func catchSignals() chan os.Signal { return nil }

func (r *tunnelRun) onSignals(context.Context, chan os.Signal) (stop func()) { return func() {} }

func notifySystemd(string) {}
