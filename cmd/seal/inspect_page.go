package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/printable"
)

//go:embed inspect_page.html
var pageText string

// pageTemplate makes the report for a browser. It needs neither scripts nor the network.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"day":   func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
	"time":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	"left":  func(t time.Time) int { return int(time.Until(t).Hours() / 24) },
	"join":  func(list []string) string { return strings.Join(list, ", ") },
	"safe":  printable.Line,
	"class": func(grade string) string { return strings.TrimSuffix(grade, "+") },
	"text":  pageLine,
	"yes":   yesOrNo,
}).Parse(pageText))

// pageLine escapes what a browser would show in another direction, in each line.
func pageLine(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable.Line(lines[i])
	}
	return strings.Join(lines, "\n")
}

// A page is what the template shows.
type page struct {
	Made    time.Time
	Servers []inspection
	Files   []inspectedFile
}

// Items are the texts of what is in the file.
func (f inspectedFile) Items() []string {
	var texts []string
	for _, item := range f.items {
		texts = append(texts, item.Text())
	}
	return texts
}

// Failure is why the file cannot be inspected, or "".
func (f inspectedFile) Failure() string {
	if f.err == nil {
		return ""
	}
	return explain(f.err).text
}

// writePageFile writes a report in place of an older one, as a whole where this user may.
func writePageFile(name string, data []byte) error {
	if _, err := os.Lstat(name); err == nil {
		err = replaceKept(name, data, 0o644)
		if !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return os.WriteFile(name, data, 0o666)
}

// writePage writes the report of --html.
func writePage(ctx context.Context, name string, servers []inspection, files []inspectedFile) error {
	if name == "" {
		return nil
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, page{time.Now(), servers, files}); err != nil {
		return err
	}
	_, err := interruptibly(ctx, func() (struct{}, error) { // a pipe may have no reader
		return struct{}{}, writePageFile(name, b.Bytes())
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return failed(err, "--html %s cannot be written: %v", printable.Line(name), cause(err)).
			hinted("check the folder, and its free space")
	}
	return nil
}
