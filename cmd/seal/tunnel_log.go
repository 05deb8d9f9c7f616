package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/sealsock/sealsock/tunnel"
)

// A tunnelLog is the log of seal tunnel. Its file can be opened again, after another program
// has renamed it.
type tunnelLog struct {
	*slog.Logger
	name string // of the file; empty for none
	mu   sync.Mutex
	file *os.File
}

// openTunnelLog returns the log of a configuration. Without a file it is written to otherwise, and
// --json and --quiet apply to what the configuration leaves open.
func openTunnelLog(out *output, cfg *tunnel.Config, otherwise io.Writer) (*tunnelLog, error) {
	l := &tunnelLog{name: cfg.Log.File}
	to := otherwise
	json, options := cfg.Log.Format == "json", new(slog.HandlerOptions)
	if l.name != "" {
		if err := l.reopen(); err != nil {
			return nil, logProblem(err)
		}
		to = l
	} else {
		json = json || out.json && cfg.Log.Format == ""
		if out.quiet {
			options.Level = slog.LevelWarn
		}
	}
	if cfg.Log.Level != "" {
		var level slog.Level
		if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
			return nil, err
		}
		options.Level = level
	}
	l.Logger = slog.New(slog.NewTextHandler(to, options))
	if json {
		l.Logger = slog.New(slog.NewJSONHandler(to, options))
	}
	return l, nil
}

// checkTunnelLog is openTunnelLog for --check: it creates no file, which would belong to who checks
// and not to who runs the tunnels, and the log is not written to it.
func checkTunnelLog(out *output, cfg *tunnel.Config, otherwise io.Writer) (*tunnelLog, error) {
	if name := cfg.Log.File; name != "" {
		f, err := appendTo(name, 0)
		if err == nil {
			f.Close()
		} else if errors.Is(err, os.ErrNotExist) {
			_, err = os.Stat(filepath.Dir(name))
		}
		if err != nil {
			return nil, logProblem(err)
		}
	}
	without := *cfg
	without.Log.File = ""
	return openTunnelLog(out, &without, otherwise)
}

// appendTo opens a file, and does not wait for the reader of a pipe: a reload would stand still.
func appendTo(name string, flag int) (*os.File, error) {
	const private = 0o600 // addresses of clients are in it
	return os.OpenFile(name, os.O_APPEND|os.O_WRONLY|nonblock|flag, private)
}

func logProblem(err error) error {
	if errors.Is(err, syscall.ENXIO) {
		return failed(err, "log.file is a pipe that no program reads: %v", err).
			hinted("start its reader first, or name a file")
	}
	return failed(err, "log.file cannot be opened: %v", err).
		hinted("name a file that this user may write")
}

// reopen opens the file by its name. After an error the old one is written to.
func (l *tunnelLog) reopen() error {
	if l.name == "" {
		return nil
	}
	f, err := appendTo(l.name, os.O_CREATE)
	if err != nil {
		return err
	}
	l.mu.Lock()
	old := l.file
	l.file = f
	l.mu.Unlock()
	if old != nil {
		old.Close()
	}
	return nil
}

// Write implements io.Writer for the file.
func (l *tunnelLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(p)
}

func (l *tunnelLog) close() {
	if l.file != nil {
		l.file.Close()
	}
}
