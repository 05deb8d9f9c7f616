// Package linked holds what a program has only if it imports it: functions that a
// package of few users registers in its init function, for packages that all users
// have. So a program links no tables of Unicode, no HTTP and no PKCS #12 that it
// does not use.
//
// A variable is nil if the package that sets it is not imported. Who calls it returns
// an error then that names the package, and never does less without a word.
package linked

import (
	"context"
	"crypto/x509"
	"errors"
)

// What packages register in their init functions.
var (
	// ToASCII returns a DNS name in lower-case A-labels. Package trust/idn sets it.
	ToASCII func(name string) (string, error)
	// FoldCase returns text in the form in which directory names are compared without
	// regard to case: RFC 4518, Section 2.3. Package trust/idn sets it.
	FoldCase func(text string) string
	// Fetch sends a request of HTTP: POST with body, or GET if it is nil. It returns at
	// most limit bytes, or an error. Package trust/fetch sets it.
	Fetch func(ctx context.Context, address, contentType string, body []byte,
		limit int64) ([]byte, error)
	// DecodePKCS12 decrypts a file. Its error is ErrPassword or ErrCipher where it is
	// one of these. Package identity/pkcs12 sets it.
	DecodePKCS12 func(data []byte, password string) (key any, leaf *x509.Certificate,
		authorities []*x509.Certificate, err error)
	// EncodePKCS12 makes a file. Package identity/pkcs12 sets it.
	EncodePKCS12 func(key any, leaf *x509.Certificate, authorities []*x509.Certificate,
		password string) ([]byte, error)
)

// The errors of DecodePKCS12 that have a meaning of their own.
var (
	ErrPassword = errors.New("the password is wrong")
	ErrCipher   = errors.New("the encryption is not supported")
)
