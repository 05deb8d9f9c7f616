package alarm_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/sealsock/sealsock/internal/alarm"
)

// TestAlarm: an Alarm calls its function at its time, and a stopped one does not.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		a := alarm.After(time.Hour, func() { calls.Add(1) })
		stopped := alarm.After(time.Minute, func() { t.Error("a stopped Alarm calls") })
		stopped.Stop()
		time.Sleep(time.Hour - 1)
		a.Reset(time.Minute)
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		if calls.Load() != 0 {
			t.Error("the call is early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

// TestStopped: what the function of a stopped Alarm refers to can be collected, though the runtime
// still has the timer, as it has where others run that end before and after.
func TestStopped(t *testing.T) {
	others := func(n int, after time.Duration) {
		for range n {
			timer := time.AfterFunc(after, func() {})
			t.Cleanup(func() { timer.Stop() })
		}
	}
	others(100, time.Hour)
	var held []weak.Pointer[[100]byte]
	for range 10 {
		v := new([100]byte)
		held = append(held, weak.Make(v))
		a := alarm.After(2*time.Hour, func() { clear(v[:]) })
		others(1, 3*time.Hour)
		a.Stop()
	}
	runtime.GC() // which is complete when it returns
	for _, v := range held {
		if v.Value() != nil {
			t.Fatal("a stopped Alarm holds what its function refers to")
		}
	}
}

func ExampleAfter() {
	late := alarm.After(time.Hour, func() { println("this takes too long") })
	defer late.Stop()
	// Output:
}
