module github.com/sealsock/sealsock/contrib/smtp

go 1.27.0

toolchain go1.27.3

replace github.com/sealsock/sealsock => ../..

require github.com/sealsock/sealsock v0.0.0-00010101000000-000000000000

require (
	filippo.io/bigmod v0.1.0 // indirect
	filippo.io/nistec v0.0.4 // indirect
	github.com/cloudflare/circl v1.6.5 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
