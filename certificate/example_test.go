package certificate_test

import (
	"fmt"

	"github.com/sealsock/sealsock/certificate"
)

// Dates in the form that OpenSSL and Python print can be read back.
func ExampleParseTime() {
	t, err := certificate.ParseTime("Jan  5 09:34:43 2018 GMT")
	fmt.Println(t.Unix(), err)
	// Output: 1515144883 <nil>
}
