module github.com/sealsock/sealsock/contrib/netpoll

go 1.27.0

toolchain go1.27.3

require (
	github.com/cloudwego/netpoll v0.7.2
	github.com/sealsock/sealsock v0.0.0
)

require (
	filippo.io/bigmod v0.1.0 // indirect
	filippo.io/nistec v0.0.4 // indirect
	github.com/bytedance/gopkg v0.1.1 // indirect
	github.com/cloudflare/circl v1.6.5 // indirect
	github.com/cloudwego/gopkg v0.1.4 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/sealsock/sealsock => ../..
