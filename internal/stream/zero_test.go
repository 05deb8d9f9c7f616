package stream

import (
	"context"
	"errors"
	"os"
	"reflect"
	"testing"
	"time"
)

// TestZeroConn: each method of a Conn that is nil or a zero value returns at once, with an
// error if it can return one.
func TestZeroConn(t *testing.T) {
	for name, c := range map[string]*Conn{"nil": nil, "zero": new(Conn)} {
		v := reflect.ValueOf(c)
		for i := range v.NumMethod() {
			t.Run(name+"/"+v.Type().Method(i).Name, func(t *testing.T) {
				f := v.Method(i)
				var args []reflect.Value
				for j := range f.Type().NumIn() {
					arg := reflect.Zero(f.Type().In(j))
					if f.Type().In(j) == reflect.TypeFor[context.Context]() {
						arg = reflect.ValueOf(t.Context())
					}
					args = append(args, arg)
				}
				returned := make(chan []reflect.Value, 1)
				go func() { returned <- f.Call(args) }()
				select {
				case <-time.After(time.Minute):
					t.Fatal("it hangs")
				case results := <-returned:
					if len(results) == 0 || f.Type().Out(len(results)-1) != reflect.TypeFor[error]() {
						return
					}
					err, _ := results[len(results)-1].Interface().(error)
					if f := v.Type().Method(i).Name; f == "Export" || f == "ExportEarly" {
						if err == nil {
							t.Error("no error")
						}
					} else if !errors.Is(err, os.ErrInvalid) {
						t.Errorf("%v, want os.ErrInvalid", err)
					}
				}
			})
		}
	}
}
