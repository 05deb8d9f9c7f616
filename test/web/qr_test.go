package web

import (
	"image"
	"image/color"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// TestCodeIsRead: a program that is not ours reads the QR code that a terminal shows, and it is
// the link of the invitation.
func TestCodeIsRead(t *testing.T) {
	seal, err := built()
	if err != nil {
		t.Fatal(err)
	}
	const width, height = 100, 60
	s := &stage{t: t, home: t.TempDir(), seal: seal}
	cmd := s.command("chat", "new", "relay.example:4433")
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: width, Rows: height})
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	shown, _ := io.ReadAll(master) // a terminal ends with an error
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	e := vt.NewEmulator(width, height)
	defer e.Close()
	e.Write(shown)
	link := "https://relay.example:4433/#"
	for line := range strings.Lines(e.String()) {
		if strings.HasPrefix(line, link) {
			link = strings.TrimSpace(line)
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(photograph(e))
	if err != nil {
		t.Fatal(err)
	}
	code, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, e.String())
	}
	if code.GetText() != link || len(link) < 60 {
		t.Errorf("the code is %q, and the link %q", code.GetText(), link)
	}
}

// photograph returns an image of the blocks on a terminal, 8 by 16 pixels for a character.
func photograph(e *vt.Emulator) image.Image {
	picture := image.NewGray(image.Rect(0, 0, e.Width()*8, e.Height()*16))
	for y := range e.Height() {
		for x := range e.Width() {
			cell := e.CellAt(x, y)
			up, down := color.Gray{Y: 0}, color.Gray{Y: 0}
			if cell != nil && cell.Style.Bg != nil {
				up.Y, down.Y = 255, 255
				switch cell.Content {
				case "█":
					up.Y, down.Y = 0, 0
				case "▀":
					up.Y = 0
				case "▄":
					down.Y = 0
				}
			}
			for i := range 8 * 16 {
				c := up
				if i >= 8*8 {
					c = down
				}
				picture.SetGray(x*8+i%8, y*16+i/8, c)
			}
		}
	}
	return picture
}
