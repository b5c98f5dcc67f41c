//go:build !race

// Sizes of the tests without the race detector.

package auditor

// raced reports whether the race detector is on, which makes tests several times slower.
const raced = false
