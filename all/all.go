// Package all links what the other packages leave out unless a program asks for it, so that
// everything that they document works: the schemes of every socket family (address/all),
// revocation checks over HTTP (trust/fetch), names in Unicode (trust/idn) and PKCS #12 files
// (identity/pkcs12). A program that does not mind 4 MB imports it in its main package:
//
//	import _ "github.com/sealsock/sealsock/all"
//
// Without it, or the one of these packages that it needs, a program gets an error that
// names the package.
package all

import (
	_ "github.com/sealsock/sealsock/address/all"
	_ "github.com/sealsock/sealsock/identity/pkcs12"
	_ "github.com/sealsock/sealsock/trust/fetch"
	_ "github.com/sealsock/sealsock/trust/idn"
)
