package bluetooth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Device is the address of a Bluetooth device, in the order in which it is
// written. The zero Device is any.
type Device [6]byte

// Any and Local are addresses with a meaning of their own.
var (
	Any   = Device{}
	Local = Device{0xff, 0xff, 0xff, 0, 0, 0}
)

// ParseDevice reads "00:11:22:AA:BB:CC".
func ParseDevice(text string) (Device, error) {
	var d Device
	parts := strings.Split(text, ":")
	if len(parts) != len(d) {
		return d, fmt.Errorf("%q is not a Bluetooth address: write 00:11:22:AA:BB:CC", text)
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 16, 8)
		if err != nil || len(p) != 2 {
			return Device{}, fmt.Errorf("%q is not a Bluetooth address: %q is not two hexadecimal digits", text, p)
		}
		d[i] = byte(n)
	}
	return d, nil
}

// String returns "00:11:22:AA:BB:CC".
func (d Device) String() string {
	return fmt.Sprintf("%02X:%02X:%02X:%02X:%02X:%02X", d[0], d[1], d[2], d[3], d[4], d[5])
}

// append appends the address in the order of the air, which is the kernel's.
func (d Device) append(b []byte) []byte {
	slices.Reverse(d[:])
	return append(b, d[:]...)
}

func deviceOf(raw []byte) Device {
	d := Device(raw)
	slices.Reverse(d[:])
	return d
}

// A DeviceType is the kind of a device's address.
type DeviceType uint8

// The types have the kernel's numbers.
const (
	Classic  DeviceType = 0 // BR/EDR
	LEPublic DeviceType = 1
	LERandom DeviceType = 2
)
