package web

import (
	"fmt"
	"html"
	"image/color"
	"os"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
)

// The size of a character in the picture of a terminal, in pixels.
const (
	cellWidth  = 8.4
	cellHeight = 18
)

// picture writes what the terminal shows as SVG.
func (m *terminal) picture(file string) {
	m.t.Helper()
	var b strings.Builder
	width, height := columns*cellWidth+24, lines*cellHeight+24
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" `+
		`font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">`+
		"\n<title>seal chat on a terminal</title>\n"+
		`<rect width="100%%" height="100%%" rx="8" fill="#16181d"/>`+"\n", width, height)
	m.emulate(func(e *vt.Emulator) {
		for y := range lines {
			drawRow(&b, e, y)
		}
	})
	b.WriteString("</svg>\n")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// drawRow draws the runs of cells of one style.
func drawRow(b *strings.Builder, e *vt.Emulator, y int) {
	for x := 0; x < columns; {
		cell := e.CellAt(x, y)
		start, text := x, ""
		for x < columns {
			next := e.CellAt(x, y)
			if next != nil && cell != nil && !next.Style.Equal(&cell.Style) {
				break
			}
			content := " "
			if next != nil && next.Content != "" {
				content = next.Content
			}
			text += content
			x++
		}
		drawRun(b, cell, start, x-start, y, text)
	}
}

func drawRun(b *strings.Builder, cell *uv.Cell, x, n, y int, text string) {
	fg, bg, attributes := "#d8dee9", "", ""
	if cell != nil {
		if cell.Style.Fg != nil {
			fg = hex(cell.Style.Fg)
		}
		if cell.Style.Attrs&uv.AttrFaint != 0 {
			fg = "#8b93a3"
		}
		if cell.Style.Attrs&uv.AttrReverse != 0 {
			fg, bg = "#16181d", fg
		}
		if cell.Style.Attrs&uv.AttrBold != 0 {
			attributes = ` font-weight="bold"`
		}
	}
	left, top := 12+float64(x)*cellWidth, 12+y*cellHeight
	if bg != "" {
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", left, top,
			float64(n)*cellWidth, cellHeight, bg)
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="%s"%s textLength="%.1f" xml:space="preserve">`+
		"%s</text>\n", left, top+14, fg, attributes, float64(n)*cellWidth, html.EscapeString(text))
}

func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
