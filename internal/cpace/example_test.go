package cpace_test

import (
	"bytes"
	"fmt"

	"github.com/sealsock/sealsock/internal/cpace"
)

// Two programs that share a short password agree on a key. A tag shows that they do.
func Example() {
	parties := []byte("alice, bob")
	session := []byte("a value of this exchange alone")
	alice := cpace.New([]byte("acorn-actor"), parties, session)
	bob := cpace.New([]byte("acorn-actor"), parties, session)
	a, err := alice.Initiator(nil, bob.Share(), nil)
	if err != nil {
		panic(err)
	}
	b, err := bob.Responder(nil, alice.Share(), nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(bytes.Equal(a.ResponderTag(), b.ResponderTag()))
	// Output: true
}
