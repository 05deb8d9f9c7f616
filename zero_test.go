package sealsock_test

import (
	"reflect"
	"testing"

	"github.com/sealsock/sealsock"
)

// TestZeroValues calls each method of types that need a constructor, or seem to, on
// their zero value and on a nil pointer, with zero arguments: none panics. A Conn is
// not among them yet.
func TestZeroValues(t *testing.T) {
	for _, zero := range []any{
		new(sealsock.Listener), new(sealsock.MemoryCache), new(sealsock.RotatingKeys),
		new(sealsock.PanicError), new(sealsock.Config),
	} {
		typ := reflect.TypeOf(zero)
		for _, v := range []reflect.Value{reflect.ValueOf(zero), reflect.Zero(typ)} {
			for i := range typ.NumMethod() {
				name := typ.String() + "." + typ.Method(i).Name
				t.Run(name, func(t *testing.T) {
					defer func() {
						if p := recover(); p != nil {
							t.Errorf("nil is %v: %v", v.IsNil(), p)
						}
					}()
					f := v.Method(i)
					var args []reflect.Value
					for j := range f.Type().NumIn() {
						args = append(args, reflect.Zero(f.Type().In(j)))
					}
					f.Call(args)
				})
			}
		}
	}
}
