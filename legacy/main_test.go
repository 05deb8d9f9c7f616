package legacy_test

import (
	"os"
	"testing"

	"github.com/sealsock/sealsock/internal/fipstest"
)

func TestMain(m *testing.M) {
	fipstest.LeaveOut("^Example$", "crypto/tls leaves out all that this package is for")
	os.Exit(m.Run())
}
