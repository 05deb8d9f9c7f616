package sealsock_test

import (
	"maps"
	"reflect"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// twins are the fields that sealsock.Config has in common with engine.Config or
// engine.Target, each with the reason. All others are declared once.
var twins = map[string]string{
	"ForClient":  "it may block, has a context, and returns a Config of its own package",
	"FindPSK":    "it may block and has a context",
	"SelectPSK":  "it may block and has a context",
	"KeyLog":     "a writer that connections share, where the engine does no output",
	"ServerName": "an address or a name to be converted, which the engine sends as it is",
	"Session":    "of one connection in engine.Target, and here for Client and Dial",
	"ECHConfigs": "of one connection in engine.Target, and here for Client and Dial",
}

// TestOptionsAreDeclaredOnce fails for a field that is declared in two Configs
// without a reason, and for a reason without a field.
func TestOptionsAreDeclaredOnce(t *testing.T) {
	unseen := maps.Clone(twins)
	own := reflect.TypeFor[sealsock.Config]()
	for _, of := range []reflect.Type{reflect.TypeFor[engine.Config](), reflect.TypeFor[engine.Options](), reflect.TypeFor[engine.Target]()} {
		for i := range of.NumField() {
			f := of.Field(i)
			twin, ok := own.FieldByName(f.Name)
			if f.Anonymous || !ok || len(twin.Index) > 1 {
				continue
			}
			if twins[f.Name] == "" {
				t.Errorf("%v.%s is declared in sealsock.Config too", of, f.Name)
			}
			delete(unseen, f.Name)
		}
	}
	for name := range unseen {
		t.Errorf("twins lists %s, which is declared once", name)
	}
}
