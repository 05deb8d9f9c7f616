package main

import (
	"fmt"
	"html"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/measure"
)

// The marks of the figures in docs/tunnel.md.
const (
	tunnelsBegin = "<!-- The comparison: go run ./bench tunnels writes it. -->\n"
	tunnelsEnd   = "<!-- End of the comparison. -->"
)

// tunnelRows are the rows of the table; more is better in the first three.
var tunnelRows = []struct {
	name, unit string
	more       bool
}{
	{downloads, "MB/s", true}, {uploads, "MB/s", true}, {newcomers, "a second", true},
	{downloadCPU, "s", false}, {newCPU, "µs", false}, {idleMemory, "KiB", false},
}

// text is what stands between the marks.
func (r *tunnelsRun) text() string {
	var names []string
	for _, p := range r.programs[1:] {
		names = append(names, p.kind.name+" "+p.version())
	}
	return fmt.Sprintf(`
%s and seal tunnel in front of the same backend, in
alternating turns of one run. A figure is the median of %d turns. Clients, backend and program
share the processors, so the processor time of the program alone is measured too. All clients
have X25519 and AES-128-GCM in TLS 1.3, and the certificate is one of P-256. Memory is that of
a new process, per connection, with %d connections that have exchanged a message of 1 KiB.

%s, %s/%s, %d processors, %s.

%s
![How many times better than the others](tunnel.svg)

`, strings.Join(names, ", "), r.rounds, r.idle, runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), time.Now().Format("2006-01-02"), r.table())
}

// table is the table of the medians.
func (r *tunnelsRun) table() string {
	var b strings.Builder
	b.WriteString("| what | unit |")
	for _, p := range r.programs {
		fmt.Fprintf(&b, " %s |", p.kind.name)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(r.programs)) + "\n")
	for _, row := range tunnelRows {
		fmt.Fprintf(&b, "| %s | %s |", row.name, row.unit)
		for _, p := range r.programs {
			fmt.Fprintf(&b, " %s |", measure.Figure(p.median(row.name)))
		}
		b.WriteString("\n")
	}
	return b.String()
}

var versionNumber = regexp.MustCompile(`[0-9]+\.[0-9][0-9.]*`)

// version is the number of the program's version.
func (p *tunnelProgram) version() string {
	out, _ := exec.Command(p.path, p.kind.version...).CombinedOutput()
	return strings.TrimSuffix(versionNumber.FindString(string(out)), ".")
}

// ratio is how many times better seal tunnel is: the median of the ratios of the turns.
func (r *tunnelsRun) ratio(p *tunnelProgram, row int) float64 {
	our, their := r.programs[0].figures[tunnelRows[row].name], p.figures[tunnelRows[row].name]
	all := make([]float64, min(len(our), len(their)))
	for i := range all {
		if all[i] = our[i] / their[i]; !tunnelRows[row].more {
			all[i] = their[i] / our[i]
		}
	}
	return measure.MedianOf(all)
}

// chart has a bar for each row and program.
func (r *tunnelsRun) chart() string {
	colours := []string{"#4a7", "#47a", "#a74", "#a47"}
	var bars strings.Builder
	y := barGap
	const most = 5.0
	scale := length / most
	for i, row := range tunnelRows {
		for n, p := range r.programs[1:] {
			v := r.ratio(p, i)
			fmt.Fprintf(&bars, `<text x="%d" y="%d" text-anchor="end">%s, %s</text>`+
				`<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/>`+
				`<text x="%.0f" y="%d">%.2f</text>`+"\n",
				labelWidth-8, y+barHeight-4, html.EscapeString(row.name), p.kind.name, labelWidth, y,
				min(v, most)*scale, barHeight, colours[n%len(colours)],
				float64(labelWidth)+min(v, most)*scale+4, y+barHeight-4, v)
			y += barHeight + barGap/4
		}
		y += barGap
	}
	line := float64(labelWidth) + scale
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `+
		`font-family="sans-serif" font-size="12">
<title>How many times better seal tunnel is</title>
%s<line x1="%.0f" x2="%.0f" y1="0" y2="%d" stroke="#555" stroke-dasharray="4"/>
</svg>
`, labelWidth+length+60, y, bars.String(), line, line, y)
}
