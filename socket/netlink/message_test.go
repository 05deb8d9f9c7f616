package netlink_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/sealsock/sealsock/socket/netlink"
)

func TestMessages(t *testing.T) {
	want := []netlink.Message{
		{Type: 16, Flags: netlink.Request | netlink.Dump, Sequence: 7, Port: 9, Data: []byte("odd length")},
		{Type: 17},
	}
	var b []byte
	for _, m := range want {
		b = netlink.AppendMessage(b, m)
	}
	b = netlink.AppendMessage(b, netlink.Message{Type: 1}) // does nothing
	got, err := netlink.ParseMessages(b)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range want {
		if got[i].Type != want[i].Type || got[i].Flags != want[i].Flags || got[i].Sequence != want[i].Sequence || got[i].Port != want[i].Port || !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	for _, bad := range []string{"short", string(b[:20]), "\x01\x00\x00\x00" + string(make([]byte, 20))} {
		if m, err := netlink.ParseMessages([]byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, m)
		}
	}
}

func TestAttributes(t *testing.T) {
	b := netlink.AppendText(nil, 3, "lo")
	b = netlink.AppendUint32(b, 4, 65536)
	b = netlink.AppendAttribute(b, 0x8000|18, netlink.AppendText(nil, 1, "nested"))
	got, err := netlink.ParseAttributes(b)
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	if got[0].Text() != "lo" || got[2].Type != 18 {
		t.Errorf("%v", got)
	}
	if v, ok := got[1].Uint32(); v != 65536 || !ok {
		t.Errorf("%d, %v", v, ok)
	}
	if _, ok := got[0].Uint32(); ok {
		t.Error("text is a number")
	}
	for _, bad := range []string{"x", "\x03\x00\x01\x00", "\x09\x00\x01\x00abcd"} {
		if a, err := netlink.ParseAttributes([]byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, a)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an attribute of 70,000 bytes")
		}
	}()
	netlink.AppendAttribute(nil, 1, make([]byte, 70_000))
}

func FuzzParse(f *testing.F) {
	f.Add(netlink.AppendMessage(nil, netlink.Message{Type: 2, Flags: 0x300, Data: netlink.AppendText(make([]byte, 20), 1, "no")}))
	f.Add([]byte("\x10\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		messages, err := netlink.ParseMessages(b)
		if err != nil {
			return
		}
		var again []byte
		for _, m := range messages {
			_, _ = netlink.ParseAttributes(m.Data)
			again = netlink.AppendMessage(again, m)
		}
		if back, err := netlink.ParseMessages(again); err != nil || len(back) != len(messages) {
			t.Fatalf("%d messages, then %d, %v", len(messages), len(back), err)
		}
	})
}

func ExampleParseAttributes() {
	b := netlink.AppendText(nil, 3, "eth0")
	attrs, err := netlink.ParseAttributes(b)
	fmt.Println(attrs[0].Type, attrs[0].Text(), err)
	// Output: 3 eth0 <nil>
}
