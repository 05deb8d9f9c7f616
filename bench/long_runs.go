package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The long runs are made seldom and apart from the others. Each leaves a file of its results
// beside docs/performance.md, from which the page has a section.
const (
	millionFile = "million.json"
	soakFile    = "soak.json"
)

// A millionResult is what a run of many idle connections found. Memory is in bytes.
type millionResult struct {
	Connections   int     `json:"connections"`
	Held          int     `json:"held"` // by the servers, at the end
	Servers       int     `json:"server_processes"`
	Clients       int     `json:"client_processes"`
	ConnectTime   float64 `json:"connect_seconds"`
	ServerMemory  int     `json:"server_resident"`
	ServerEach    int     `json:"server_resident_per_connection"`
	ClientMemory  int     `json:"client_resident"`
	Kernel        int     `json:"kernel"` // for both ends: sockets, epoll, buffers
	KernelEach    int     `json:"kernel_per_connection"`
	Seconds       int     `json:"spoken_seconds"`
	Asked         int     `json:"asked"`
	Answered      int     `json:"answered"`
	SlowestMillis float64 `json:"slowest_answer_ms"`
}

const millionSection = `
## %s idle connections

` + "`make million`" + ` opens connections with a full handshake over loopback, both ends on this machine,
in event loops, and speaks to 1 %% of them each second. The servers are several processes that
share a port, because a process may have a bounded number of descriptors.

| what | figure |
|---|---|
| connections held | %s of %s |
| requests answered in %d seconds | %s of %s, the slowest in %.1f s |
| resident memory of the %d servers | %.2f GB, %s bytes a connection |
| resident memory of the %d clients | %.2f GB |
| the kernel's own memory, for the sockets of both ends | %.2f GB, %s bytes a connection |
| time to open them | %.0f s |

docs/million.json has these figures.
`

func (r *millionResult) section() string {
	const gb = 1e9
	return fmt.Sprintf(millionSection, thousands(r.Connections),
		thousands(r.Held), thousands(r.Connections),
		r.Seconds, thousands(r.Answered), thousands(r.Asked), r.SlowestMillis/1000,
		r.Servers, float64(r.ServerMemory)/gb, thousands(r.ServerEach),
		r.Clients, float64(r.ClientMemory)/gb,
		float64(r.Kernel)/gb, thousands(r.KernelEach), r.ConnectTime)
}

// A soakResult is what a run of bulk data found. Sizes are in bytes.
type soakResult struct {
	Seconds    float64  `json:"seconds"`
	ToServer   int64    `json:"to_server"`
	ToClient   int64    `json:"to_client"`
	KeyUpdates int64    `json:"key_updates"`
	HeapFirst  uint64   `json:"heap_first"`
	HeapLast   uint64   `json:"heap_last"`
	Heaps      []uint64 `json:"heaps"`
}

const soakSection = `
## Bulk data for %.0f minutes

` + "`go run ./bench soak -out docs/soak.json`" + ` sends in both directions of one connection, changes
the key of a direction after each 64 MiB, and compares each byte at the other end.

| what | figure |
|---|---|
| data, both directions together | %.0f GB, no byte wrong |
| key updates | %s |
| heap in use at the first and the last of %d samples | %.2f MB, %.2f MB |
`

func (r *soakResult) section() string {
	const mb, gb = 1e6, 1e9
	return fmt.Sprintf(soakSection, r.Seconds/60, float64(r.ToServer+r.ToClient)/gb,
		thousands(int(r.KeyUpdates)), len(r.Heaps), float64(r.HeapFirst)/mb, float64(r.HeapLast)/mb)
}

// longRuns returns the sections of the results that are in folder.
func longRuns(folder string) (string, error) {
	var text strings.Builder
	for _, run := range []struct {
		file   string
		result interface{ section() string }
	}{{millionFile, new(millionResult)}, {soakFile, new(soakResult)}} {
		b, err := os.ReadFile(filepath.Join(folder, run.file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(b, run.result)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", run.file, err)
		}
		text.WriteString(run.result.section())
	}
	return text.String(), nil
}

// thousands writes a number of at least 0 with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
