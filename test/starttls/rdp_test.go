//go:build !windows

package starttls

import (
	"encoding/binary"
	"fmt"
	"io"
)

// proveRDP sends an MCS Connect Initial and reads the MCS Connect Response.
// [MS-RDPBCGR], Sections 2.2.1.3 and 2.2.1.4.
func proveRDP(c *talk) error {
	c.Write(mcsConnectInitial())
	var head [4]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return err
	}
	body := make([]byte, max(4, int(binary.BigEndian.Uint16(head[2:])))-4)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return err
	}
	// X.224 data, and the tag of Connect-Response.
	if len(body) < 5 || body[1] != 0xf0 || body[3] != 0x7f || body[4] != 0x66 {
		return fmt.Errorf("the answer to Connect Initial is %x", body)
	}
	return nil
}

// ber returns a BER element with a length of two bytes.
func ber(tag string, content []byte) []byte {
	b := append([]byte(tag), 0x82)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(content))), content...)
}

// mcsConnectInitial returns a TPKT with the smallest settings that a server accepts.
func mcsConnectInitial() []byte {
	domain := func(values ...byte) []byte {
		var b []byte
		for _, v := range values {
			b = append(b, 2, 1, v)
		}
		return append([]byte{0x30, byte(len(b))}, b...)
	}
	block := func(kind uint16, content []byte) []byte {
		b := binary.LittleEndian.AppendUint16(nil, kind)
		return append(binary.LittleEndian.AppendUint16(b, uint16(len(content)+4)), content...)
	}
	core := make([]byte, 212)
	binary.LittleEndian.PutUint32(core, 0x00080004)                // version
	binary.LittleEndian.PutUint16(core[4:], 1024)                  // width
	binary.LittleEndian.PutUint16(core[6:], 768)                   // height
	binary.LittleEndian.PutUint16(core[8:], 0xca01)                // 8 bits per pixel
	binary.LittleEndian.PutUint16(core[10:], 0xaa03)               // SAS sequence
	binary.LittleEndian.PutUint32(core[12:], 0x409)                // keyboard layout
	binary.LittleEndian.PutUint16(core[128:], 0xca01)              // postBeta2ColorDepth
	binary.LittleEndian.PutUint16(core[130:], 1)                   // clientProductId
	binary.LittleEndian.PutUint16(core[136:], 24)                  // highColorDepth
	binary.LittleEndian.PutUint16(core[138:], 7)                   // supportedColorDepths
	binary.LittleEndian.PutUint32(core[208:], 1)                   // serverSelectedProtocol: TLS
	settings := block(0xc001, core)                                // CS_CORE
	settings = append(settings, block(0xc004, make([]byte, 8))...) // CS_CLUSTER
	settings = append(settings, block(0xc002, make([]byte, 8))...) // CS_SECURITY
	settings = append(settings, block(0xc003, make([]byte, 4))...) // CS_NET, no channels
	gcc := []byte{0, 5, 0, 0x14, 0x7c, 0, 1}
	gcc = binary.BigEndian.AppendUint16(gcc, 0x8000|uint16(len(settings)+14))
	gcc = append(gcc, 0, 8, 0, 0x10, 0, 1, 0xc0, 0, 'D', 'u', 'c', 'a')
	gcc = binary.BigEndian.AppendUint16(gcc, 0x8000|uint16(len(settings)))
	gcc = append(gcc, settings...)
	body := []byte{4, 1, 1, 4, 1, 1, 1, 1, 0xff}
	body = append(body, domain(34, 2, 0, 1, 0, 1, 127, 2)...)
	body = append(body, domain(1, 1, 1, 1, 0, 1, 32, 2)...)
	body = append(body, domain(127, 127, 127, 1, 0, 1, 127, 2)...)
	body = append(body, ber("\x04", gcc)...)
	message := append([]byte{2, 0xf0, 0x80}, ber("\x7f\x65", body)...)
	head := binary.BigEndian.AppendUint16([]byte{3, 0}, uint16(len(message)+4))
	return append(head, message...)
}
