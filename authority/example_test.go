package authority_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sealsock/sealsock/authority"
)

// A server's certificate for local names, in three lines.
func ExampleOpenOrCreate() {
	dir, err := os.MkdirTemp("", "authority")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	a, err := authority.OpenOrCreate(filepath.Join(dir, "ca"), authority.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := a.ForNames("localhost", "127.0.0.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(id.Leaf.DNSNames, id.Leaf.IPAddresses, len(id.Chain))

	_, _, err = a.Issue(authority.Request{Names: []string{"example.org"}})
	fmt.Println(err != nil)
	// Output:
	// [localhost] [127.0.0.1] 2
	// true
}
