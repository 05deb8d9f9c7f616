//go:build !windows

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// upgradeVariable is the environment variable that has the descriptor by which a new process
// takes over from the old one.
const upgradeVariable = "SEALSOCK_UPGRADE"

// hasReloadSignal: seal tunnel reload sends SIGHUP.
const hasReloadSignal = true

// nonblock opens a pipe without waiting for its other end.
const nonblock = syscall.O_NONBLOCK

func signalUpgrade(pid int) error { return syscall.Kill(pid, syscall.SIGUSR2) }
func signalReload(pid int) error  { return syscall.Kill(pid, syscall.SIGHUP) }

// open listens, or takes the listeners of an old process.
func (r *tunnelRun) open(ctx context.Context) error {
	number := os.Getenv(upgradeVariable)
	if number == "" {
		return r.server.Listen(ctx)
	}
	os.Unsetenv(upgradeVariable)
	r.successor = true
	if number != "3" {
		return usage("%s is for seal itself", upgradeVariable).hinted("do not set it")
	}
	f := os.NewFile(3, "the old process")
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return failed(err, "the old process cannot be reached: %v", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return usage("descriptor 3 is no UNIX socket").hinted("do not set %s", upgradeVariable)
	}
	return r.server.TakeOver(ctx, u)
}

// catchSignals makes the signals of reload and upgrade wait, which would end the process. It comes
// before others can find the process.
func catchSignals() tunnelSignals {
	signals := tunnelSignals{make(chan os.Signal, 1), make(chan os.Signal, 1)}
	signal.Notify(signals.upgrade, syscall.SIGUSR2)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals.reload, syscall.SIGHUP)
	}
	return signals
}

// onSignals reloads at SIGHUP and upgrades at SIGUSR2, until stop is called.
func (r *tunnelRun) onSignals(ctx context.Context, signals tunnelSignals) (stop func()) {
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-signals.reload:
				r.reload(ctx)
			case <-signals.upgrade:
				if err := r.upgrade(ctx); err != nil {
					r.log.Error("not upgraded: this process continues", "error", reason(err))
				}
			case <-ended:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals.reload)
		signal.Stop(signals.upgrade)
		close(ended)
	}
}

// readyTime bounds the start of a new process.
const readyTime = time.Minute

// upgrade starts the program anew and hands everything over to it.
func (r *tunnelRun) upgrade(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	ours, theirs, err := unixSockets()
	if err != nil {
		return err
	}
	defer ours.Close()
	cmd := exec.Command(program)
	cmd.Args = os.Args
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs} // descriptor 3
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LISTEN_") && !strings.HasPrefix(v, upgradeVariable+"=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, upgradeVariable+"=3")
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return fmt.Errorf("the new process cannot be started: %w", err)
	}
	died := make(chan error, 1)
	go func() { died <- cmd.Wait() }()
	r.log.Info("upgrading", "process", cmd.Process.Pid)
	within, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	r.handing.Store(true)
	if err := r.server.HandOver(within, ours); err != nil {
		r.handing.Store(false)
		cmd.Process.Kill()
		return errors.Join(err, <-died)
	}
	return nil
}

// unixSockets returns two connected sockets, the second for another process.
func unixSockets() (*net.UnixConn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	f := os.NewFile(uintptr(fds[0]), "to the new process")
	theirs := os.NewFile(uintptr(fds[1]), "to the old process")
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return c.(*net.UnixConn), theirs, nil
}

// notifySystemd tells a service manager about the state, if it asks for it: sd_notify(3).
func notifySystemd(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" || path[0] != '/' && path[0] != '@' {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	c.Write([]byte(state))
}
