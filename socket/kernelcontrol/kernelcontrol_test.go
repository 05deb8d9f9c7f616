package kernelcontrol_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/kernelcontrol"
)

func TestAddr(t *testing.T) {
	a := kernelcontrol.Addr{ID: 7, Unit: 3}
	raw, err := a.AppendSockaddr(nil)
	if err != nil || len(raw) != 32 || raw[2] != 2 && raw[3] != 2 {
		t.Fatalf("% x, %v", raw, err)
	}
	if b, err := kernelcontrol.Family.Decode(raw); b != a || err != nil {
		t.Errorf("%v came back as %v, %v", a, b, err)
	}
	if b, err := kernelcontrol.Family.Decode(raw[:11]); err == nil {
		t.Errorf("11 bytes are %v", b)
	}
}

func TestDial(t *testing.T) {
	_, err := kernelcontrol.Dial(context.Background(), socket.Datagram, "com.example.not.there", 0)
	if err == nil {
		t.Fatal("connected to a control that is not there")
	}
	if runtime.GOOS != "darwin" && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	if _, err := kernelcontrol.Dial(context.Background(), socket.Datagram, strings.Repeat("x", 200), 0); err == nil {
		t.Error("a name of 200 bytes")
	}
}

func Example() {
	fmt.Println(kernelcontrol.Addr{ID: 5, Unit: 1})
	// Output: 5/1
}
