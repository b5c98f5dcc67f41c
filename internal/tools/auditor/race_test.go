//go:build race

// Sizes of the tests under the race detector.

package auditor

// raced reports whether the race detector is on, which makes tests several times slower.
const raced = true
