package main

import (
	"fmt"
	"io"
	"strings"

	"rsc.io/qr"

	"github.com/sealsock/sealsock/talk"
)

// qrMargin is the width of the white margin of a QR code in modules. ISO/IEC 18004 demands 4.
const qrMargin = 4

// qrBlocks draws a text as a QR code, two modules in a character. It sets the colours, because
// a code that is white on black is not read by every camera.
func qrBlocks(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	black := func(x, y int) bool { return code.Black(x-qrMargin, y-qrMargin) }
	size := code.Size + 2*qrMargin
	var b strings.Builder
	for y := 0; y < size; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := range size {
			switch up, down := black(x, y), black(x, y+1); {
			case up && down:
				b.WriteString("█")
			case up:
				b.WriteString("▀")
			case down:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String(), nil
}

// showInvitation draws an invitation for the camera of a telephone.
func showInvitation(w io.Writer, i *talk.Invitation) error {
	text, about := i.Link(), "This link opens the room in a browser, if the relay serves its page:"
	if text == "" {
		text, about = i.Text(), "The invitation:"
	}
	blocks, err := qrBlocks(text)
	if err != nil {
		return failed(err, "the invitation is too long for a QR code: %v", err)
	}
	_, err = fmt.Fprintf(w, "\n%s\n%s\n\n%s", about, text, blocks)
	return err
}
