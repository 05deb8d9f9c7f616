package main

import (
	"io"
	"strings"
	"testing"
)

// manyBytes is a reader of one byte without an end.
type manyBytes byte

func (e manyBytes) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// A response whose head has no end is read up to a bound, and the bound is none of the body.
func TestAnswerHead(t *testing.T) {
	for _, begin := range []string{"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: "} {
		got := new(byteCounter)
		_, err := readResponse(io.TeeReader(io.MultiReader(strings.NewReader(begin),
			io.LimitReader(manyBytes('a'), 4*maxAnswerHead)), got))
		if err == nil || !strings.Contains(err.Error(), "a head of more than 1048576 bytes") {
			t.Errorf("%q: %v", begin, err)
		}
		if got.n > maxAnswerHead {
			t.Errorf("%q: %d bytes were read", begin, got.n)
		}
	}
	const length = 3 * maxAnswerHead
	answer, err := readResponse(io.MultiReader(
		strings.NewReader("HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n"),
		io.LimitReader(manyBytes('a'), length)))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, answer.Body); n != length || err != nil {
		t.Errorf("%d bytes of the body, %v", n, err)
	}
}

// byteCounter counts what is written.
type byteCounter struct{ n int }

func (c *byteCounter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}
