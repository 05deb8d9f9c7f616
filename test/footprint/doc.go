// Package footprint tests what a program links that uses package sealsock for its client
// alone: the packages, and the size of the program in relation to one of crypto/tls.
package footprint
