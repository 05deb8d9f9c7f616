package sealsock

// Resumptions returns the number of Configs that Server has kept something of.
func Resumptions() (n int) {
	resumptions.Range(func(any, any) bool {
		n++
		return true
	})
	return n
}

// FirstEnd returns what a watch reports of a handshake that has ended with first, if second
// follows.
func FirstEnd(first, second error) error {
	w := new(watch)
	w.end(first)
	w.end(second)
	return w.failed(second)
}

// CheckDelegation checks a delegated credential, as a client does.
var CheckDelegation = checkDelegation
