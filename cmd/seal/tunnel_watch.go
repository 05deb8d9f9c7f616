package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealsock/sealsock/tunnel"
)

// watched describes the files that watch looks at, as they are now.
func (r *tunnelRun) watched() string {
	if r.cfg.Watch == 0 {
		return ""
	}
	return r.stateOf(r.cfg)
}

// watch reloads when the configuration file or one that it names has changed since watched
// returned loaded, and stays so for the time between two looks: a file that is being written is
// not read.
func (r *tunnelRun) watch(ctx context.Context, loaded string) {
	cfg := r.cfg
	if cfg.Watch == 0 {
		return
	}
	tick := time.NewTicker(time.Duration(cfg.Watch))
	defer tick.Stop()
	last := loaded
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := r.stateOf(cfg)
		if now == last && now != loaded {
			// What changes while it is read is read again; so is all if other files are named.
			if next := r.reload(ctx); next != nil {
				cfg = next
			}
			loaded = now // after a mistake, until the next change
		}
		last = now
	}
}

// maxWatched bounds the entries of a folder that are looked at.
const maxWatched = 10_000

// stateOf describes the configuration file and the files that it names.
func (r *tunnelRun) stateOf(cfg *tunnel.Config) string {
	read, _ := cfg.Files()
	var b strings.Builder
	for _, name := range append([]string{r.file}, read...) {
		info, err := os.Stat(name)
		describeFile(&b, name, info, err)
		if err != nil || !info.IsDir() {
			continue
		}
		entries, _ := os.ReadDir(name)
		for _, e := range entries[:min(len(entries), maxWatched)] {
			info, err := os.Stat(filepath.Join(name, e.Name()))
			describeFile(&b, e.Name(), info, err)
		}
	}
	return b.String()
}

func describeFile(b *strings.Builder, name string, info fs.FileInfo, err error) {
	if err != nil {
		fmt.Fprintf(b, "%q missing\n", name)
		return
	}
	fmt.Fprintf(b, "%q %d %d %v\n", name, info.Size(), info.ModTime().UnixNano(), info.Mode())
}
