package safename

import "testing"

// TestPortable: the name for an unknown system leads nowhere and is none of a device.
func TestPortable(t *testing.T) {
	for name, want := range map[string]string{
		"report.txt": "report.txt", "größe.txt": "größe.txt", "../../etc/passwd": ".._.._etc_passwd",
		`..\x`: ".._x", "C:x": "C_x", "a<b>.txt": "a_b_.txt", "con.txt": "file", "..": "file",
		"": "file", "x. .": "x", "a\u202etxt.exe": "a_txt.exe",
	} {
		if got := Portable(name); got != want {
			t.Errorf("Portable(%q) is %q, not %q", name, got, want)
		}
	}
}
