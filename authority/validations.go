package authority

import "slices"

// validations are what proves names: maxValidations of them at once, and maxSourceValidations for
// one source, so that machines that do not answer, which takes proveTimeout each, hold up
// their own client alone. The others wait. The lock of its ACME is held by each call.
type validations struct {
	running map[string]int // by source
	total   int
	waiting []validation // in the order in which they came
}

type validation struct {
	source string
	run    func() // in a goroutine of its own; it calls done at its end
}

// add runs a validation as soon as it may. It reports whether there is room for it.
func (v *validations) add(one validation) bool {
	own := 0
	for _, other := range v.waiting {
		if other.source == one.source {
			own++
		}
	}
	if own >= maxSourceWaiting || len(v.waiting) >= maxWaiting {
		return false
	}
	v.waiting = append(v.waiting, one)
	v.next()
	return true
}

// done makes room for the next one.
func (v *validations) done(source string) {
	v.total--
	if v.running[source]--; v.running[source] == 0 {
		delete(v.running, source)
	}
	v.next()
}

// next starts what may run: of the sources that have the fewest under way, that which came first.
func (v *validations) next() {
	for v.total < maxValidations {
		first, fewest := -1, maxSourceValidations
		for i, one := range v.waiting {
			if n := v.running[one.source]; n < fewest {
				first, fewest = i, n
			}
		}
		if first < 0 {
			return
		}
		one := v.waiting[first]
		v.waiting = slices.Delete(v.waiting, first, first+1)
		if v.running == nil {
			v.running = map[string]int{}
		}
		v.total++
		v.running[one.source]++
		go one.run()
	}
}
