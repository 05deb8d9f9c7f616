package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/internal/readfile"
)

// An outcome is what a process wrote of its reloads. A reload counts in Begun before it reads a
// file, so the one that ends with a larger Done than the Begun of an earlier look has read all that
// was in the files at that look.
type outcome struct {
	Process     int    `json:"process"`
	Begun, Done int    // how many reloads; Done is the number of the last one that ended
	Error       string `json:"error,omitempty"` // why that one changed nothing
}

// outcomeSuffix follows the name of the file with the number of the process.
const outcomeSuffix = ".reload"

// maxOutcome bounds the file, and so the error in it, in bytes.
const maxOutcome = 16 << 10

// An outcomeFile is the file of the running process. It stays open: the user and the sandbox of the
// process may not allow to create another one.
type outcomeFile struct {
	mu  sync.Mutex
	f   *os.File // nil without a pid in the configuration
	now outcome
}

// open creates the file, before other processes can learn the number of this one. There is none
// where no process can tell this one to reload: Windows would not rename an open file either.
func (o *outcomeFile) open(pid string) error {
	if !hasReloadSignal {
		return nil
	}
	name := pid + outcomeSuffix
	f, err := createBeside(name)
	if err != nil {
		return err
	}
	o.f, o.now.Process = f, os.Getpid()
	if err := o.write(); err != nil {
		f.Close()
		return err
	}
	return os.Rename(f.Name(), name)
}

// createBeside creates a file with another name, for a rename to name. A link of another user is
// not followed, and a device such as /dev/null is an error: the file would take its place.
func createBeside(name string) (*os.File, error) {
	if info, err := os.Lstat(name); err == nil && info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe) != 0 {
		return nil, &fs.PathError{Op: "replace", Path: name, Err: errDevice}
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return nil, err
	}
	const readable = 0o644
	if err := f.Chmod(readable); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	return f, nil
}

// errDevice is the error about a device or a pipe in the place of a file.
var errDevice = errors.New("it is no regular file")

// write writes the sum of the rest in front, so that a reader knows a half of it.
func (o *outcomeFile) write() error {
	if o.f == nil {
		return nil
	}
	text, err := json.Marshal(o.now)
	if err != nil {
		return err
	}
	text = fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(text), text)
	if _, err = o.f.WriteAt(text, 0); err == nil {
		err = o.f.Truncate(int64(len(text)))
	}
	return err
}

// reload calls do, which reloads, and writes what became of it. One call waits for another.
// It returns the error of do, and that of the file.
func (o *outcomeFile) reload(do func() error) (err, fileErr error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now.Begun++
	fileErr = o.write()
	err = do()
	o.now.Done, o.now.Error = o.now.Begun, ""
	if err != nil {
		text := reason(err)
		o.now.Error = text[:min(len(text), maxOutcome/8)] // JSON may need 6 bytes for one
	}
	return err, errors.Join(fileErr, o.write())
}

// errTorn: what was read is a half of what the process writes, or is not of it.
var errTorn = errors.New("it has no outcome of this process")

// readOutcome returns what the process wrote.
func readOutcome(pid string, process int) (o outcome, err error) {
	f, err := readfile.Open(pid + outcomeSuffix)
	if err != nil {
		return o, err
	}
	defer f.Close()
	buf := make([]byte, maxOutcome)
	n, _ := f.Read(buf)
	sum, text, _ := bytes.Cut(buf[:n], []byte(" "))
	text, _, _ = bytes.Cut(text, []byte("\n"))
	if string(sum) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(text)) ||
		json.Unmarshal(text, &o) != nil || o.Process != process {
		return outcome{}, errTorn
	}
	return o, nil
}

// begunReloads returns how many reloads the process has begun. A half of what it writes is soon a
// whole: to take it for none would make the outcome of an earlier reload that of the next one. A
// process of an older seal has no file.
func begunReloads(pid string, process int, soon time.Duration) (int, error) {
	for end := time.Now().Add(soon); ; time.Sleep(time.Millisecond) {
		o, err := readOutcome(pid, process)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist):
			return o.Begun, nil
		case !errors.Is(err, errTorn) || time.Now().After(end):
			return 0, err
		}
	}
}

const reloadLong = `Check FILE, and make the running seal tunnel read it again, as SIGHUP does.
The exit code is 0 once the process uses what it has read. FILE has the name of the file with
the number of the process (pid); beside it, with .reload at its end, the process writes how a
reload ended.`

func newTunnelReload(out *output, flags *tunnelFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reload FILE", Short: "Make the running process read its files again",
		Long: reloadLong, Args: exactArgs("FILE"), Example: "  seal tunnel reload seal.toml",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, n, err := runningTunnel(cmd.Context(), out, args[0])
			if err != nil {
				return err
			}
			before, err := begunReloads(cfg.PID, n, time.Second)
			if err != nil {
				return failed(err, "%s cannot be read: %v", cfg.PID+outcomeSuffix, err).
					hinted("process %d writes there how a reload ends; send it SIGHUP yourself", n)
			}
			if err := signalReload(n); err != nil {
				return signalProblem(n, "reload", err)
			}
			return awaitReload(cmd.Context(), cfg.PID, n, before, flags.timeout)
		},
	}
	cmd.Flags().DurationVar(&flags.timeout, "timeout", time.Minute, "`time` for the reload to end")
	return cmd
}

// awaitReload waits for the end of a reload that was not begun before.
func awaitReload(ctx context.Context, pid string, n, before int, limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if o, err := readOutcome(pid, n); err == nil && o.Done > before {
			if o.Error != "" {
				return failed(nil, "not reloaded: %s", o.Error).
					hinted("process %d continues with what it had", n)
			}
			return nil
		}
		if now, err := readPID(pid); err != nil || now != n {
			return failed(err, "process %d has ended or was replaced", n).
				hinted("its log has the reason")
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return failed(nil, "process %d has not told within %v how the reload ended", n, limit).
		hinted("its log has the outcome; an older seal tells it there alone")
}

// signalProblem explains that process n did not get the signal to do something.
func signalProblem(n int, what string, err error) error {
	p := failed(err, "process %d cannot be told to %s: %v", n, what, err)
	if errors.Is(err, os.ErrPermission) {
		p.hint = "it belongs to another user: run this command as that user, or as root"
	}
	return p
}
