package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock/tunnel"
)

const upgradeLong = `Start the program of the running seal tunnel anew: the new process, of the program's file
as it is now, takes the listeners and the live connections over, and the old one ends. FILE
has the name of the file with the number of the process (pid).`

func newTunnelUpgrade(out *output, flags *tunnelFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "upgrade FILE", Short: "Replace the running process; no connection ends",
		Long: upgradeLong, Example: "  seal tunnel upgrade seal.toml", Args: exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, n, err := runningTunnel(cmd.Context(), out, args[0])
			if err != nil {
				return err
			}
			if err := signalUpgrade(n); err != nil {
				return signalProblem(n, "upgrade", err)
			}
			successor, err := awaitSuccessor(cmd.Context(), cfg.PID, n, flags.timeout)
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), out, upgraded{successor, n})
		},
	}
	cmd.Flags().DurationVar(&flags.timeout, "timeout", time.Minute,
		"`time` for the new process to take over")
	return cmd
}

// upgraded reports a process that has taken over from another one.
type upgraded struct {
	Process int `json:"process"`
	Old     int `json:"old"`
}

func (upgraded) event() string { return "upgraded" }

func (u upgraded) text() string {
	return fmt.Sprintf("process %d has taken over from %d", u.Process, u.Old)
}

// awaitSuccessor waits until another process has written its number, and returns it.
func awaitSuccessor(
	ctx context.Context, file string, old int, limit time.Duration,
) (int, error) {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if n, err := readPID(file); err == nil && n != old {
			return n, nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	return 0, failed(nil, "no process has taken over from %d within %v", old, limit).
		hinted("process %d continues; its log has the reason", old)
}

// runningTunnel finds the process of a configuration.
func runningTunnel(
	ctx context.Context, out *output, file string,
) (*tunnel.Config, int, error) {
	cfg, err := interruptibly(ctx, func() (*tunnel.Config, error) { return loadTunnels(out, file) })
	if err != nil {
		return nil, 0, err
	}
	if cfg.PID == "" {
		return nil, 0, failed(nil, "%s does not name the file with the number of the process", file).
			hinted(`add a line such as pid = "/run/seal.pid", and restart; or send the signal yourself`)
	}
	n, err := readPID(cfg.PID)
	if err != nil {
		return nil, 0, failed(err, "no process runs: %v", err).
			hinted("start it with seal tunnel %s", file)
	}
	return cfg, n, nil
}
