package transfer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/sealsock/sealsock/internal/words"
)

const (
	defaultWords = 2
	maxWords     = 16
	maxNumber    = 99_999
	maxCode      = 256 // bytes of its text
)

// ErrCode is in the error for a text that is no code.
var ErrCode = errors.New("this is no code")

// A Code is what a receiver needs to be found and to be recognized by the sender: a number,
// which the relay learns, and words, which it does not. It does not print.
type Code struct {
	number uint32
	secret func() string // the words, joined by '-'
}

// newCode returns a code with random words.
func newCode(number uint32, count int) *Code {
	b := make([]byte, count)
	rand.Read(b) // never fails
	secret := words.Of(b, "-")
	return &Code{number, func() string { return secret }}
}

// pickNumber returns a random number for the nth attempt to find a free one. The first
// numbers have one digit, and later ones up to five.
func pickNumber(attempt int) uint32 {
	least := int64(1)
	for range min(attempt/2, 4) {
		least *= 10
	}
	n, err := rand.Int(rand.Reader, big.NewInt(9*least))
	if err != nil {
		panic(err) // never fails
	}
	return uint32(least + n.Int64())
}

// ParseCode reads a code such as 7-crystal-lagoon. Capital letters are small ones, and spaces
// may stand for the hyphens. A word that no code has is an error, so that most typing errors
// are found before the sender counts them as an attempt. No error shows any of the text.
func ParseCode(text string) (*Code, error) {
	if len(text) > maxCode {
		return nil, fmt.Errorf("transfer: %w: it is too long", ErrCode)
	}
	parts := strings.FieldsFunc(strings.ToLower(text), func(c rune) bool {
		return strings.ContainsRune("- \t\r\n", c)
	})
	if len(parts) < 2 || len(parts) > 1+maxWords {
		return nil, fmt.Errorf("transfer: %w: it has a number and words, as in 7-crystal-lagoon",
			ErrCode)
	}
	number, err := strconv.ParseUint(parts[0], 10, 32)
	if err != nil || number == 0 || number > maxNumber {
		return nil, fmt.Errorf("transfer: %w: it begins with a number, as in 7-crystal-lagoon",
			ErrCode)
	}
	for i, word := range parts[1:] {
		if !slices.Contains(words.List, word) {
			return nil, fmt.Errorf("transfer: %w: word %d is none of those that codes have: "+
				"compare it with the sender's", ErrCode, i+1)
		}
	}
	secret := strings.Join(parts[1:], "-")
	return &Code{uint32(number), func() string { return secret }}, nil
}

func (c *Code) usable() bool { return c != nil && c.secret != nil }

// Text returns the code with its words: for the receiver, over a channel on which no other
// learns it. It is empty for a zero Code.
func (c *Code) Text() string {
	if !c.usable() {
		return ""
	}
	return strconv.Itoa(int(c.number)) + "-" + c.secret()
}

// String keeps the words out of logs.
func (c Code) String() string { return strconv.Itoa(int(c.number)) + "-[redacted]" }

// Format keeps the words out of logs.
func (c Code) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// MarshalText keeps the words out of logs in JSON.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
