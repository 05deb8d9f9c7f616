//go:build !race

package sealsock_test

const racing = false
