//go:build linux && race

package kernel

// underRace reports whether this test and those in the machine use the race
// detector.
const underRace = true
