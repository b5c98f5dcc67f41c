//go:build race

package auditor

// raced reports whether the race detector is on, which makes tests several times slower.
const raced = true
