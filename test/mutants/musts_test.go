package main

import (
	"strings"
	"testing"
)

// Each sentence of musts.tsv is complete, refers to rows that exist, and none is
// left out: the counts are those of the documents.
func TestSentences(t *testing.T) {
	list, err := sentences()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkSentences(list); err != nil {
		t.Error(err)
	}
	found := map[string]int{}
	for _, s := range list {
		found[s.doc] += s.count
	}
	for doc, n := range found {
		if d := documentFor(doc); d != nil && d.musts != n {
			t.Errorf("%s: %d MUSTs in musts.tsv, %d in documents", doc, n, d.musts)
		}
	}
	if len(found) < 15 {
		t.Errorf("%d documents", len(found))
	}
}

// A sentence that claims what is not so is found.
func TestCheckSentences(t *testing.T) {
	row := merged()[0].name()
	good := sentence{own, "1", 1, "a rule", traced, row + " & " + row}
	if err := checkSentences([]sentence{good}); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*sentence){
		"not complete":  func(s *sentence) { s.count = 0 },
		"no row":        func(s *sentence) { s.detail = "RFC 9846 1: a row that is not there" },
		"rows or":       func(s *sentence) { s.status = notTraced },
		"or none if":    func(s *sentence) { s.detail = "" },
		"musts.tsv: se": func(s *sentence) { s.text = "" },
	} {
		bad := good
		change(&bad)
		err := checkSentences([]sentence{bad})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestCounts(t *testing.T) {
	var c counts
	for _, s := range []sentence{
		{own, "1", 2, "a", traced, "x & y"},
		{own, "1", 1, "b", traced, "x"},
		{own, "1", 1, "c", notTraced, ""},
		{own, "1", 1, "d", notKept, "why"},
		{own, "1", 3, "e", other, "why"},
	} {
		c.add(&s, map[string]bool{"y": true})
	}
	want := counts{musts: 8, sentences: 5, others: 1, apply: 4, traced: 2, proved: 1,
		notTraced: 1, notKept: 1}
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}
