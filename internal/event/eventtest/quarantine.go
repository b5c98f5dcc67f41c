// The quarantine of a test's stream.

package eventtest

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
)

// Reasons lists what is in quarantine as "batch file:row column: reason".
func (h *Harness) Reasons() []string {
	h.T.Helper()
	return h.quarantine(func(r event.Rejected) string {
		return fmt.Sprintf("%d %s:%d %s: %s", r.Batch, filepath.Base(r.File), r.Row, r.Column, r.Reason)
	})
}

// Refs lists what is in quarantine as "ref reason", those that are dismissed with a mark.
func (h *Harness) Refs() []string {
	h.T.Helper()
	return h.quarantine(func(r event.Rejected) string {
		if r.Dismissed != nil {
			return "(" + r.Place().String() + ")"
		}
		return r.Place().String()
	})
}

// quarantine lists what is in quarantine in the words of show.
func (h *Harness) quarantine(show func(r event.Rejected) string) (list []string) {
	h.T.Helper()
	h.must(event.Quarantine(h.T.Context(), h.Store.Catalog, h.Store.Objects, h.Stream.Name, func(r event.Rejected) error {
		list = append(list, show(r))
		return nil
	}))
	return list
}

// ExpectRefs expects the rows in quarantine as Refs lists them, and their counts.
func (h *Harness) ExpectRefs(want string) {
	h.T.Helper()
	if got := strings.Join(h.Refs(), " "); got != want {
		h.T.Errorf("in quarantine are %s, want %s", got, want)
	}
	n, err := h.Store.CountQuarantine(h.T.Context(), h.Stream.Name)
	if got, all, off := fmt.Sprint(n.Rows, n.Dismissed), len(h.Refs()), strings.Count(want, "("); err != nil || got != fmt.Sprint(all-off, off) {
		h.T.Errorf("counted are %s, %v", got, err)
	}
}

// Ref parses the reference of a row.
func Ref(t testing.TB, text string) event.Place {
	t.Helper()
	at, ok := event.ParsePlace(text)
	if !ok {
		t.Fatalf("%s does not name a row", text)
	}
	return at
}

// Dismiss dismisses a row, or takes that back.
func (h *Harness) Dismiss(row string, undo bool) (event.Dismissed, error) {
	return h.Store.Dismiss(h.T.Context(), h.Stream, event.DismissOptions{Row: Ref(h.T, row), Undo: undo, Reason: "nothing"})
}

// MustDismiss is Dismiss without an error.
func (h *Harness) MustDismiss(row string, undo bool) {
	h.T.Helper()
	if _, err := h.Dismiss(row, undo); err != nil {
		h.T.Error(err)
	}
}

// VerifyDismissals verifies everything, and expects a number of dismissed rows.
func (h *Harness) VerifyDismissals(want int) {
	h.T.Helper()
	h.Verify()
	if n, err := eventverify.Dismissals(h.T.Context(), h.Store, h.Stream.Name); n != want || err != nil {
		h.T.Errorf("%d rows are dismissed, want %d; %v", n, want, err)
	}
}

// AcceptRow accepts a row, and expects "batch already changes".
func (h *Harness) AcceptRow(row, want string) intake.AcceptedRow {
	h.T.Helper()
	got, err := h.acceptRow(row)
	h.must(err)
	if text := fmt.Sprint(got.Batch, " ", got.Already, Changes(got.Changes)); text != want {
		h.T.Errorf("accepting %s gives %s, want %s", row, text, want)
	}
	return got
}

// ExpectRefused expects an error of class Data that contains a text.
func (h *Harness) ExpectRefused(row, wantText string) {
	h.T.Helper()
	_, err := h.acceptRow(row)
	if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), wantText) {
		h.T.Errorf("accepting %s gives %v; want %q", row, err, wantText)
	}
}

func (h *Harness) acceptRow(row string) (intake.AcceptedRow, error) {
	return intake.AcceptRow(h.T.Context(), h.Store, h.Stream, intake.AcceptOptions{Row: Ref(h.T, row), Reason: "checked"})
}

// Changes writes differences as " column old new".
func Changes(list []intake.Difference) (text string) {
	for _, c := range list {
		text += fmt.Sprintf(" %s %s %s", c.Column, c.Old, c.New)
	}
	return text
}

// RetryLive retries the quarantine between batches of live intake.
func (h *Harness) RetryLive(l *live.Intake) (intake.Result, error) {
	return live.Exclusively(h.T.Context(), l, func(ctx context.Context) (intake.Result, error) {
		return intake.Retry(ctx, h.Store, h.Stream, intake.Options{})
	})
}
