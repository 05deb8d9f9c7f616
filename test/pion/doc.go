// Package pion tests DTLS with pion/dtls in both roles. It is a module of its own, because
// pion/dtls is needed for nothing else.
package pion
