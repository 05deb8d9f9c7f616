package hyperv_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/sealsock/sealsock/socket/hyperv"
)

func TestGUID(t *testing.T) {
	for _, text := range []string{"{a42e7cda-d03f-480c-9cc2-a4de20abb878}", "A42E7CDA-D03F-480C-9CC2-A4DE20ABB878"} {
		if g, err := hyperv.ParseGUID(text); g != hyperv.Parent || err != nil {
			t.Errorf("%q is %v, %v", text, g, err)
		}
	}
	for _, text := range []string{"", "a42e7cda", "a42e7cda-d03f-480c-9cc2-a4de20abb87x", "a42e7cdad03f-480c-9cc2-a4de20abb8788-", "{a42e7cda-d03f-480c-9cc2-a4de20abb878"} {
		if g, err := hyperv.ParseGUID(text); err == nil {
			t.Errorf("%q is %v", text, g)
		}
	}
	if g := hyperv.VsockService(0x1234); g.String() != "00001234-facb-11e6-bd58-64006a7986d3" {
		t.Error(g)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	hyperv.MustParseGUID("x")
}

func FuzzParseGUID(f *testing.F) {
	f.Add("{a42e7cda-d03f-480c-9cc2-a4de20abb878}")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := hyperv.ParseGUID(text)
		if err != nil {
			return
		}
		if h, err := hyperv.ParseGUID(g.String()); g != h || err != nil {
			t.Fatalf("%q is %v, then %v, %v", text, g, h, err)
		}
	})
}

func TestAddr(t *testing.T) {
	a := hyperv.Addr{VM: hyperv.Parent, Service: hyperv.VsockService(4433)}
	raw, err := a.AppendSockaddr(nil)
	if err != nil || len(raw) != 36 {
		t.Fatalf("% x, %v", raw, err)
	}
	// The first fields of a GUID are little-endian.
	if got := fmt.Sprintf("% x", raw[4:14]); got != "da 7c 2e a4 3f d0 0c 48 9c c2" {
		t.Errorf("the machine is % s", got)
	}
	if b, err := hyperv.Family.Decode(raw); b != a || err != nil {
		t.Errorf("%v came back as %v, %v", a, b, err)
	}
	if b, err := hyperv.Family.Decode(raw[:35]); err == nil {
		t.Errorf("35 bytes are %v", b)
	}
}

func TestElsewhere(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // a connection needs a host of its own
	}
	if _, err := hyperv.Dial(context.Background(), hyperv.Addr{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("dial: %v", err)
	}
	if _, err := hyperv.Listen(hyperv.Addr{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("listen: %v", err)
	}
}

func Example() {
	a := hyperv.Addr{VM: hyperv.Parent, Service: hyperv.VsockService(4433)}
	fmt.Println(a)
	// Output: a42e7cda-d03f-480c-9cc2-a4de20abb878/00001151-facb-11e6-bd58-64006a7986d3
}
