//go:build linux && race

package kernel

// underRace says that the tests in the machine are built with the race detector,
// as this one is.
const underRace = true
