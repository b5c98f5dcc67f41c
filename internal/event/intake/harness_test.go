// The stores of a test, with this package's own checks.

package intake_test

import (
	"fmt"
	"testing"

	"bursar/internal/event/eventtest"
	"bursar/internal/event/intake"
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
	amounts   = eventtest.Amounts
	ref       = eventtest.Ref
)

type noBackup = eventtest.NoBackup

// AcceptRow accepts a row, and expects "batch already changes".
func (h *harness) AcceptRow(row, want string) intake.AcceptedRow {
	h.T.Helper()
	got, err := intake.AcceptRow(h.T.Context(), h.Store, h.Stream, intake.AcceptOptions{Row: ref(h.T, row), Reason: "checked"})
	if err != nil {
		h.T.Fatal(err)
	}
	if text := fmt.Sprint(got.Batch, " ", got.Already, changes(got.Changes)); text != want {
		h.T.Errorf("accepting %s gives %s, want %s", row, text, want)
	}
	return got
}

// changes writes differences as " column old new".
func changes(list []intake.Difference) (text string) {
	for _, c := range list {
		text += fmt.Sprintf(" %s %s %s", c.Column, c.Old, c.New)
	}
	return text
}
