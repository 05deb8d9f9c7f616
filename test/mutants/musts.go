package main

import (
	"bytes"
	_ "embed" // for mustsFile
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mustsFile lists each sentence of some documents that has a MUST or MUST NOT,
// without the paragraph that defines the words, in words of this module. Its columns:
//
//   - the document, and the section (for RFC 9846, of RFC 8446);
//   - how often MUST stands in the sentence;
//   - the sentence;
//   - the status: one of statuses;
//   - for a traced sentence the rows that trace it, as "document section: must"
//     with " & " between them; otherwise the reason, except for one not traced.
//
//go:embed musts.tsv
var mustsFile string

// What a sentence may be.
const (
	traced    = "traced"     // a row proves it
	notTraced = "not traced" // it applies, and no row proves it
	notKept   = "not kept"   // it applies, and this module deviates
	other     = "other"      // it is for others
)

var statuses = []string{traced, notTraced, notKept, other}

// A sentence is a line of mustsFile.
type sentence struct {
	doc, section string
	count        int
	text         string
	status       string
	detail       string
}

// sentences reads mustsFile.
func sentences() ([]sentence, error) {
	var list []sentence
	lines := strings.Split(strings.TrimSpace(mustsFile), "\n")
	for i, line := range lines[1:] {
		f := append(strings.Split(line, "\t"), "")
		count, err := 0, error(nil)
		if len(f) >= 6 {
			count, err = strconv.Atoi(f[2])
		}
		if len(f) < 6 || len(f) > 7 || err != nil || !slices.Contains(statuses, f[4]) {
			return nil, fmt.Errorf("musts.tsv, line %d: %q", i+2, line)
		}
		list = append(list, sentence{f[0], f[1], count, f[3], f[4], f[5]})
	}
	return list, nil
}

// rows returns the names of the rows that trace a sentence.
func (s *sentence) rows() []string {
	if s.status != traced {
		return nil
	}
	return strings.Split(s.detail, " & ")
}

// name is how mustsFile refers to a requirement.
func (r *requirement) name() string { return r.doc + " " + r.section + ": " + r.must }

// checkSentences reports lines of mustsFile that do not fit the tables.
func checkSentences(list []sentence) error {
	known := map[string]bool{}
	for _, r := range merged() {
		known[r.name()] = true
	}
	var errs []error
	for _, s := range list {
		where := fmt.Sprintf("musts.tsv: %s, %s: %s", s.doc, s.section, s.text)
		if documentFor(s.doc) == nil || s.section == "" || s.text == "" || s.count < 1 {
			errs = append(errs, fmt.Errorf("%s: not complete", where))
		}
		if (s.detail == "") != (s.status == notTraced) {
			errs = append(errs, fmt.Errorf("%s: rows or a reason, or none if not traced", where))
		}
		for _, name := range s.rows() {
			if !known[name] {
				errs = append(errs, fmt.Errorf("%s: there is no row %q", where, name))
			}
		}
	}
	return errors.Join(errs...)
}

// counts is what the sentences of one document are.
type counts struct {
	musts, sentences, others, apply, traced, proved, notTraced, notKept int
}

func (c *counts) add(s *sentence, proved map[string]bool) {
	c.musts += s.count
	c.sentences++
	if s.status == other {
		c.others++
		return
	}
	c.apply++
	switch s.status {
	case traced:
		c.traced++
		if slices.ContainsFunc(s.rows(), func(name string) bool { return proved[name] }) {
			c.proved++
		}
	case notTraced:
		c.notTraced++
	case notKept:
		c.notKept++
	}
}

func (c *counts) write(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d |\n", name, c.musts,
		c.sentences, c.others, c.apply, c.traced, c.proved, c.notTraced, c.notKept)
}

const aboutSentences = `
## Sentence by sentence

These documents were read sentence by sentence; test/mutants/musts.tsv has each sentence with
MUST or MUST NOT, in words of this module, and the row above that traces it or the reason why
none does. A sentence is for others if it speaks to authors of extensions, applications or
middleboxes, or about a feature that is not implemented here, such as renegotiation or CBC
suites. One row may trace several sentences. A sentence that is not traced applies; the tests
and BoringSSL's suite may cover it, but nothing here proves that. Many of RFC 5280 are kept by
crypto/x509, which this module's mutants do not change. Of RFC 7250 only the sentences of Section
4 were at hand.

| document | MUST | sentences | for others | apply | traced | by mutation | not traced | not kept |
|---|---|---|---|---|---|---|---|---|
`

// writeSentences writes the counts, the sentences that are open, and the count of all.
func writeSentences(b *bytes.Buffer) error {
	list, err := sentences()
	if err != nil {
		return err
	}
	proved := map[string]bool{}
	for _, r := range merged() {
		proved[r.name()] = r.mutants > 0
	}
	all, byDocument := &counts{}, map[string]*counts{}
	for i := range list {
		c := byDocument[list[i].doc]
		if c == nil {
			c = &counts{}
			byDocument[list[i].doc] = c
		}
		c.add(&list[i], proved)
		all.add(&list[i], proved)
	}
	b.WriteString(aboutSentences)
	for _, d := range documents {
		if c := byDocument[d.name]; c != nil {
			c.write(b, d.heading())
		}
	}
	all.write(b, "together")
	writeOpen(b, list)
	fmt.Fprintf(b, aboutCount, all.musts, all.sentences, len(byDocument), all.others, all.apply,
		all.traced, all.proved, all.notTraced, all.notKept)
	return nil
}

const aboutCount = `
### The count

MUST and MUST NOT stand %d times in %d sentences of these %d documents. %d sentences are for
others and %d apply. Of these %d are traced to a requirement above, %d of them with a mutant that
proves it; %d are not traced, and %d are not kept.
`

// writeOpen writes the sentences that are not kept or not traced.
func writeOpen(b *bytes.Buffer, list []sentence) {
	b.WriteString("\n### Not kept\n\n| document | section | sentence | reason |\n|---|---|---|---|\n")
	for _, s := range list {
		if s.status == notKept {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", s.doc, s.section, s.text, s.detail)
		}
	}
	b.WriteString("\n### Not traced\n\n| document | section | sentence |\n|---|---|---|\n")
	for _, s := range list {
		if s.status == notTraced {
			fmt.Fprintf(b, "| %s | %s | %s |\n", s.doc, s.section, s.text)
		}
	}
}
