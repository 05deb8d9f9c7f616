// Command unlinked parses an address and prints the error.
package main

import (
	"fmt"
	"os"

	"github.com/sealsock/sealsock/address"
)

func main() {
	_, err := address.Parse(os.Args[1])
	fmt.Println(err)
}
