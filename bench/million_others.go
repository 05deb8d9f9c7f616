//go:build !linux

package main

import "errors"

var errLinux = errors.New("this part needs Linux")

func tunnelsMain([]string) error       { return errLinux }
func loopsMain([]string) error         { return errLinux }
func millionMain([]string) error       { return errLinux }
func millionServer([]string) error     { return errLinux }
func millionClientMain([]string) error { return errLinux }
