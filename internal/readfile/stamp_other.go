//go:build !(linux || openbsd || dragonfly || solaris || darwin || freebsd || netbsd)

package readfile

func (s *Stamp) fill(any) {}
