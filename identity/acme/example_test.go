package acme_test

import (
	"fmt"

	"github.com/sealsock/sealsock/identity/acme"
)

func Example() {
	_, err := acme.New(acme.Options{Names: []string{"www.example.org"}, CacheDir: "/var/lib/app"})
	fmt.Println(err)
	// Output: the authority's terms of service must be accepted first
}
