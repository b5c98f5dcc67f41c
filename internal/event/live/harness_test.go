// The stores of a test, with this package's own checks.

package live_test

import (
	"testing"

	"bursar/internal/event/eventtest"
)

// harness is a test's stores and stream.
type harness struct{ *eventtest.Harness }

func newHarness(t testing.TB, yaml string) *harness {
	t.Helper()
	return &harness{eventtest.New(t, yaml)}
}

var (
	salesYAML = eventtest.SalesYAML
	plainYAML = eventtest.PlainYAML
	sale      = eventtest.Sale
)
