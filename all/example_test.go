package all_test

import (
	"fmt"

	"github.com/sealsock/sealsock/address"
	_ "github.com/sealsock/sealsock/all"
	"github.com/sealsock/sealsock/trust"
)

// With the import, everything that the packages document works.
func Example() {
	_, err := address.Parse("isotp://can0/7e8:7e0")
	fmt.Println(err)
	fmt.Println((&trust.Policy{Revocation: &trust.Revocation{Mode: trust.RevocationRequire}}).Check())
	// Output:
	// <nil>
	// <nil>
}
