package trust

import (
	"fmt"
	"strings"
	"testing"
)

// TestManyPathsUnderConstraints has many paths through certificates that repeat the same
// constraints. The names are compared with them once.
func TestManyPathsUnderConstraints(t *testing.T) {
	var bases, names [][]byte
	for i := range 200 {
		bases = append(bases, generalName(1, fmt.Appendf(nil, "host%d.test", i)))
		address := fmt.Sprintf("a@%sFREE%d.test", strings.Repeat("a.", 100), i)
		names = append(names, generalName(1, []byte(address)))
	}
	limits := limited(true, nil, bases)
	root := issue(t, nil, nil, authority("Root"), limits)
	checker := new(nameChecker)
	leaf := issue(t, root, nil, server("example.org"), alternatives(names...)).Certificate
	var chains [][]*certificate
	for range 20 {
		one := issue(t, root, nil, authority("One"), limits).Certificate
		chains = append(chains, []*certificate{leaf, one, root.Certificate})
	}
	checkAll := func() {
		for _, chain := range chains {
			if err := checker.check(chain); err != nil {
				t.Fatal(err)
			}
		}
	}
	checkAll()
	// A comparison makes the host of each address lower case, which allocates.
	if work := testing.AllocsPerRun(1, checkAll); work > 20 {
		t.Errorf("%v allocations to check %d paths again", work, len(chains))
	}
}
