package identity_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sealsock/sealsock/identity"
)

// An error names the file at fault, the reason, and what to do.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "identity")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "server.pem")
	if err := os.WriteFile(file, []byte("ssh-ed25519 AAAAC3Nz me@home\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	_, err = identity.Load(file, "")
	var e *identity.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code)
		fmt.Println("hint:", e.Hint)
	}
	// Output:
	// foreign-format
	// hint: give the private key, in PEM
}
