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
