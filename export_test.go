package sealsock

// Resumptions returns the number of Configs that Server has kept something of.
func Resumptions() (n int) {
	resumptions.Range(func(any, any) bool {
		n++
		return true
	})
	return n
}
