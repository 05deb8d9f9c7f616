package sealcaddy_test

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"

	_ "github.com/sealsock/sealsock/contrib/caddy"
)

// A Caddy that knows the wrapper. "run --config testdata/Caddyfile" starts it.
func Example() {
	caddycmd.Main()
}
