package all_test

import (
	"fmt"

	"github.com/sealsock/sealsock/address"
	_ "github.com/sealsock/sealsock/address/all"
)

// With the import, Parse accepts the schemes of all socket families.
func Example() {
	a, err := address.Parse("vsock://host:4433")
	fmt.Println(a, err)
	// Output: vsock://host:4433 <nil>
}
