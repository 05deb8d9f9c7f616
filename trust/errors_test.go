package trust

import (
	"encoding/json"
	"testing"
)

func TestEveryCodeIsNamed(t *testing.T) {
	names := map[string]Code{}
	for c := range reasons {
		code := Code(c)
		r := reasons[c]
		if r.name == "" || r.sentence == "" || code.OpenSSL() == 0 {
			t.Errorf("code %d has no name, sentence or number", c)
		}
		if other, twice := names[r.name]; twice {
			t.Errorf("%q names %d and %d", r.name, other, code)
		}
		names[r.name] = code
		if (&Error{Code: code}).Error() == "" {
			t.Errorf("code %v says nothing", code)
		}
	}
	if unknown := Code(len(reasons)); unknown.String() == "" || unknown.OpenSSL() != 1 || (&Error{Code: unknown}).Error() == "" {
		t.Error("a code of the future breaks the error")
	}
}

func TestErrorAsJSON(t *testing.T) {
	h := newHouse(t)
	text, err := json.Marshal(&Error{Code: CodeExpired, Certificate: h.leaf.Certificate, Expected: "a", Got: "b", Hint: "c"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	c, ok := got["certificate"].(map[string]any)
	if got["code"] != "expired" || got["openssl_code"] != 10.0 || got["alert"] != "certificate_expired" || got["hint"] != "c" || !ok ||
		c["subject"] != "CN=example.org" || c["issuer"] != "CN=Test Intermediate" || len(c["sha256"].(string)) != 64 {
		t.Errorf("%s", text)
	}
}
