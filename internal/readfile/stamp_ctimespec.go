//go:build darwin || freebsd || netbsd

package readfile

import "syscall"

func (s *Stamp) fill(sys any) {
	if st, ok := sys.(*syscall.Stat_t); ok {
		s.changed = [2]int64{int64(st.Ctimespec.Sec), int64(st.Ctimespec.Nsec)}
		s.file = [2]uint64{uint64(st.Dev), uint64(st.Ino)}
	}
}
