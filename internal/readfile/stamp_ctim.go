//go:build linux || openbsd || dragonfly || solaris

package readfile

import "syscall"

func (s *Stamp) fill(sys any) {
	if st, ok := sys.(*syscall.Stat_t); ok {
		s.changed = [2]int64{int64(st.Ctim.Sec), int64(st.Ctim.Nsec)}
		s.file = [2]uint64{uint64(st.Dev), uint64(st.Ino)}
	}
}
