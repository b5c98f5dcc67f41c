// Live intake in tests.

package eventtest

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"time"

	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
)

// StartLive opens live intake of the stream, which seals nothing by itself, and closes it with the test.
func (h *Harness) StartLive(o live.Options) *live.Intake {
	h.T.Helper()
	l, err := h.OpenLive(o)
	h.must(err)
	h.T.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			h.T.Error(err)
		}
	})
	return l
}

// OpenLive opens live intake that seals after an hour unless o says otherwise.
func (h *Harness) OpenLive(o live.Options) (*live.Intake, error) {
	if o.Spool == "" {
		o.Spool = h.Spool()
	}
	if o.Window == 0 {
		o.Window = time.Hour
	}
	return live.Open(h.T.Context(), h.Store, h.Stream, o)
}

// Spool returns the folder of the stream's spools.
func (h *Harness) Spool() string { return filepath.Join(h.Dir, "spool", "sales") }

// Accept sends a request and expects "rows accepted duplicates quarantined", and "again" for a repeated answer.
func (h *Harness) Accept(l *live.Intake, key, body, want string) answers.Answer {
	h.T.Helper()
	a, err := l.Accept(h.T.Context(), live.Request{Key: key, Body: []byte(body)})
	h.must(err)
	got := fmt.Sprint(a.Rows, a.Accepted, a.Duplicates, a.Quarantined)
	if a.Repeated {
		got += " again"
	}
	if got != want {
		h.T.Errorf("rows, accepted, duplicates, quarantined are %q, want %q", got, want)
	}
	return a
}

// Seal seals the open batch.
func (h *Harness) Seal(l *live.Intake) {
	h.T.Helper()
	h.must(l.Seal(h.T.Context()))
}

// ExpectBatches expects all batches as "batch: rows accepted duplicates quarantined".
func (h *Harness) ExpectBatches(want ...string) {
	h.T.Helper()
	var got []string
	for _, b := range h.Batches() {
		got = append(got, fmt.Sprintf("%d: %d %d %d %d", b.Batch, b.Rows, b.Accepted, b.Duplicates, b.Quarantined))
	}
	if !reflect.DeepEqual(got, want) {
		h.T.Errorf("batches are %q, want %q", got, want)
	}
}
