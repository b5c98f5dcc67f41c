// A store that cannot be read for a while has no damaged objects.

package repair_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"bursar/internal/event/repair"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// refusal is the error of a store that refuses every request, such as for credentials that have expired.
type refusal struct{}

func (refusal) Error() string        { return "the server does not answer without credentials" }
func (refusal) Class() failure.Class { return failure.Data }
func (refusal) IsOfStore() bool      { return true }

var errDown error = failure.Wrap(failure.Transient, errors.New("the server does not answer"))

// down is a store that cannot open the objects whose names contain a text.
type down struct {
	object.Local
	text string
	err  error
}

func (d down) Open(ctx context.Context, name string) (object.Reader, error) {
	if strings.Contains(name, d.text) {
		return nil, d.err
	}
	return d.Local.Open(ctx, name)
}

func (d down) OpenSized(ctx context.Context, name string, size int64) (object.Reader, error) {
	if strings.Contains(name, d.text) {
		return nil, d.err
	}
	return d.Local.OpenSized(ctx, name, size)
}

func (d down) Create(ctx context.Context, name string) (object.Writer, error) {
	return nil, errors.New("repair writes " + name)
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errDown, refusal{}} {
		t.Run(failure.Of(err).String(), func(t *testing.T) {
			t.Parallel()
			testUnavailable(t, err)
		})
	}
}

func testUnavailable(t *testing.T, fault error) {
	h := newHarness(t, plainYAML)
	h.Ingest("1 2 1 1 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "gift", "1.00", "EUR")))
	h.Ingest("2 2 1 1 0", h.File("b.jsonl", sale("3", "sale", "1.00", "EUR")+strings.Repeat("x", 64<<20+10)+"\n"))
	h.RetractBatch("1 1", 1)
	batches, up := h.Batches(), h.Store.Objects
	for _, text := range []string{"", "events", "quarantine", "oversize", "manifest", "00000001/manifest", "retractions"} {
		h.Store.Objects = down{up, text, fault}
		if !strings.Contains(text, "manifest") && text != "retractions" {
			opened := 0
			_, err := eventverify.Objects(t.Context(), h.Store, batches, func(int64) { opened++ })
			if !errors.Is(err, fault) || object.IsDamage(err) || !object.IsUnavailable(err) || strings.Count(err.Error(), "answer") != 1 {
				t.Errorf("%q: verified after %d objects: %v", text, opened, err)
			}
		}
		if text == "oversize" { // repair does not read it
			continue
		}
		if text == "" || text == "events" {
			_, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{Reason: "test", Batches: []uint64{1}})
			if !errors.Is(err, fault) {
				t.Errorf("%q: given up: %v", text, err)
			}
		}
		done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{})
		if !errors.Is(err, fault) || len(done.Broken)+len(done.Done) > 0 {
			t.Errorf("%q: repaired: %+v, %v", text, done, err)
		}
	}
}
