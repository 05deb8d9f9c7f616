// Package printed prints values in each form that a program may write to a log, and looks for
// secrets there. It is for tests.
package printed

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Forms returns v in every form that a program may write to a log.
func Forms(v any) (forms []string) {
	for _, flags := range []string{"", "+", "#", " "} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
			forms = append(forms, fmt.Sprintf("%"+flags+string(verb), v))
		}
	}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
	forms = append(forms, b.String())
	if j, err := json.Marshal(v); err == nil {
		forms = append(forms, string(j))
	}
	if x, err := xml.Marshal(v); err == nil {
		forms = append(forms, string(x))
	}
	b.Reset()
	if gob.NewEncoder(&b).Encode(v) == nil {
		forms = append(forms, b.String())
	}
	return forms
}

// Marks returns bytes 4 to 11 of a secret in each usual form: numbers of one or of four bytes,
// hexadecimal, Base64, text. A secret of fewer than 16 bytes has no marks.
func Marks(secret []byte) (marks []string) {
	if len(secret) < 16 {
		return nil
	}
	head := secret[4:12]
	var forms []string
	for _, verb := range strings.Fields("%d %x %X %#x %v %o %b %#v %q") {
		forms = append(forms, fmt.Sprintf(verb, head))
	}
	var list []string
	for _, b := range head {
		list = append(list, fmt.Sprintf("0x%x", b))
	}
	forms = append(forms, fmt.Sprintf("% x", head), fmt.Sprintf("%# x", head),
		strings.Join(list, ", "), string(head))
	for from := range 3 { // Base64 depends on the place in a group of three bytes
		forms = append(forms, base64.StdEncoding.EncodeToString(secret[from:][:9]))
	}
	first, second := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
	forms = append(forms, fmt.Sprint([]uint32{first, second}),
		fmt.Sprintf("0x%x, 0x%x", first, second))
	for _, f := range forms {
		f = strings.TrimSuffix(strings.TrimPrefix(f, "[]byte{"), "}")
		if f = strings.Trim(f, "[]\""); len(f) > 7 {
			marks = append(marks, f)
		}
	}
	return marks
}

// Shows reports whether text has one of the marks.
func Shows(text string, marks []string) bool {
	return slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(text, m) })
}
