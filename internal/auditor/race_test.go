//go:build race

package auditor

// raced tells that the race detector watches, which takes several times as long.
const raced = true
