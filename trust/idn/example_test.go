package idn_test

import (
	"fmt"

	"github.com/sealsock/sealsock/trust"
	_ "github.com/sealsock/sealsock/trust/idn"
)

// With the import, names may be in Unicode.
func Example() {
	fmt.Println(trust.ASCIIName("bücher.example"))
	// Output: xn--bcher-kva.example <nil>
}
