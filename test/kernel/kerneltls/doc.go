// Package kerneltls tests SendFile with Config.KernelTLS, between two ends of this module and
// with OpenSSL. Where the running kernel has no TLS the same transfers are tested as they are
// then: sealed in this process. Package kernel runs the tests in its virtual machine, whose
// kernel has it, and there they fail if it is not used.
package kerneltls
