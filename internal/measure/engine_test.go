package measure

import (
	"errors"
	"testing"
	"time"
)

// TestAlone: the engine and the AEAD are measured without a connection, and nothing else is.
func TestAlone(t *testing.T) {
	for _, s := range []Side{Sealsock(), Limit()} {
		if v, err := s.Bulk(Alone, time.Millisecond); v <= 0 || err != nil {
			t.Errorf("%s: %v MB/s, %v", s.Name(), v, err)
		}
	}
	if _, err := Standard().Bulk(Alone, time.Millisecond); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
