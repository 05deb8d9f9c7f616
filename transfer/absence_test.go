package transfer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestAbsence: another side that leaves when it has everything is not reported as away, nor one
// that is not needed, because the files go directly.
func TestAbsence(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*absence)
		want string
	}{
		{"leaves at the end", func(a *absence) { a.set(true); a.end() }, "[]"},
		{"is away", func(a *absence) { a.set(true) }, "[Away]"},
		{"is away for a moment", func(a *absence) { a.set(true); a.set(false) }, "[]"},
		{"is away twice", func(a *absence) {
			a.set(true)
			time.Sleep(2 * awayNotice)
			a.set(true)
		}, "[Away]"},
		{"comes back", func(a *absence) {
			a.set(true)
			time.Sleep(2 * awayNotice)
			a.set(false)
		}, "[Away Back]"},
		{"sends directly", func(a *absence) { a.setDirect(true); a.set(true) }, "[]"},
		{"sent directly", func(a *absence) {
			a.setDirect(true)
			a.set(true)
			time.Sleep(2 * awayNotice)
			a.setDirect(false)
		}, "[Away]"},
	} {
		synctest.Test(t, func(t *testing.T) {
			names := map[EventKind]string{Away: "Away", Back: "Back"}
			var got log
			a := &absence{notify: got.add}
			test.do(a)
			time.Sleep(2 * awayNotice)
			synctest.Wait()
			list := []string{}
			for _, e := range got.all {
				list = append(list, names[e.Kind])
			}
			if text := fmt.Sprint(list); text != test.want {
				t.Errorf("a side that %s: %s, want %s", test.name, text, test.want)
			}
		})
	}
}

// TestFinishedKeepsItsPlace: a receiver that has everything and has left counts, also before the
// sender has noted it. One that is only away gives up its place.
func TestFinishedKeepsItsPlace(t *testing.T) {
	for _, done := range []bool{true, false} {
		canceled := false
		v := &serving{done: done, cancel: func(error) { canceled = true }}
		v.absence.away = true
		s := &Sender{opts: SendOptions{Receivers: 1}, serving: map[*serving]bool{v: true}}
		if admitted := s.admit(); admitted == done || canceled == done {
			t.Errorf("has everything: %v, another was admitted: %v", done, admitted)
		}
	}
}
