package pkcs12_test

import (
	"fmt"

	"github.com/sealsock/sealsock/identity"
	_ "github.com/sealsock/sealsock/identity/pkcs12"
)

// With the import, Load and LoadPKCS12 read PKCS #12 files.
func Example() {
	_, err := identity.LoadPKCS12("missing.p12")
	fmt.Println(err != nil)
	// Output: true
}
