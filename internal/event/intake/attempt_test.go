// Tests of two processes that write the same stream, because the first lost the project without knowing it.

package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/fault"
)

// stored is the unsealed attempts and the tombstones in the catalog.
func (h *harness) stored() (attempts, tombstones []string) {
	h.T.Helper()
	err := h.Store.Catalog.View(h.T.Context(), func(tx catalog.Tx) error {
		list := func(prefix string, keys *[]string) error {
			return tx.List(prefix, func(key string, _ json.RawMessage) error {
				*keys = append(*keys, key)
				return nil
			})
		}
		return errors.Join(list("attempt/", &attempts), list("tombstone/", &tombstones))
	})
	if err != nil {
		h.T.Error(err)
	}
	return attempts, tombstones
}

// become makes the harness another process, which owns the project from now on.
func (h *harness) become() {
	h.T.Helper()
	next := *h.Store
	next.Shared, h.Store = true, &next
}

// sweepAfter deletes what was replaced a time ago, and expects that nothing is left in the end that no batch names.
func (h *harness) sweepAfter(wait time.Duration) {
	h.T.Helper()
	h.Now = h.Now.Add(wait)
	if err := h.Store.Sweep(h.T.Context()); err != nil {
		h.T.Error(err)
	}
}

// expectNoLeftovers expects that the catalog names every object.
func (h *harness) expectNoLeftovers() {
	h.T.Helper()
	known := map[string]bool{}
	for _, b := range h.Batches() {
		for _, name := range b.ObjectNames() {
			known[name] = true
		}
	}
	for _, table := range h.Index().DedupeTables {
		known[table.Name] = true
	}
	names := slices.Sorted(maps.Keys(h.ObjectBytes()))
	if left := slices.DeleteFunc(names, func(name string) bool { return known[name] }); len(left) > 0 {
		h.T.Errorf("nothing refers to %v", left)
	}
}

// TestFormerOwner stops a process before each of its calls to the stores, in turn. Another one takes the project over meanwhile and seals
// batches of its own. What the first does when it is continued changes nothing of them, and its file is ingested again.
func TestFormerOwner(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		last := false
		t.Run(fmt.Sprint(n), func(t *testing.T) { last = formerOwner(t, n) })
		if last || t.Failed() {
			break
		}
	}
}

// formerOwner pauses the n-th call, and reports whether there were fewer.
func formerOwner(t *testing.T, n int) (last bool) {
	h := newHarness(t, salesYAML)
	h.become()
	h.Ingest("1 2 2 0 0", h.File("before.jsonl", sale("b1", "sale", "1.00", "EUR")+sale("b2", "sale", "1.00", "EUR")))
	own, other := h.File("own.jsonl", sale("o1", "sale", "2.00", "EUR")+sale("o2", "sale", "x", "EUR")), h.File("other.jsonl", sale("n1", "sale", "3.00", "EUR"))
	plan := fault.NewPlan()
	former := *h.Store
	former.Objects, former.Catalog = fault.Objects(h.Store.Objects, plan), fault.Catalog(h.Store.Catalog, plan)
	paused := false
	plan.PauseAt(n, func() {
		paused = true
		h.become()
		if _, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{other}, intake.Options{}); err != nil {
			t.Error(err)
		}
		h.RebuildIndex()
	})
	_, err := work(t.Context(), &former, h, own)
	if err != nil && failure.Of(err) != failure.Transient && !strings.Contains(err.Error(), "meanwhile") {
		t.Errorf("the former owner's error before %s: %v", plan.Call(n), err)
	}
	h.become()
	all := []string{own, other}
	if _, err := intake.Ingest(t.Context(), h.Store, h.Stream, all, intake.Options{}); err != nil {
		t.Errorf("ingest again, stopped before %s: %v", plan.Call(n), err)
	}
	h.Verify()
	accepted := int64(0)
	for _, b := range h.Batches() {
		accepted += b.Accepted
	}
	if accepted != 4 {
		t.Errorf("stopped before %s: %d events are accepted, want 4", plan.Call(n), accepted)
	}
	h.sweepAfter(11 * time.Minute)
	h.Verify()
	h.RebuildIndex()
	h.sweepAfter(25 * time.Hour)
	h.Verify()
	h.expectNoLeftovers()
	if attempts, tombstones := h.stored(); len(tombstones) > 0 || len(attempts) > 0 {
		t.Errorf("stopped before %s: attempts %v and tombstones %v are left", plan.Call(n), attempts, tombstones)
	}
	return !paused
}

// work ingests a file, then rebuilds the dedupe index.
func work(ctx context.Context, former *event.Store, h *harness, path string) (intake.Result, error) {
	got, err := intake.Ingest(ctx, former, h.Stream, []string{path}, intake.Options{})
	return got, errors.Join(err, ids.Rebuild(ctx, former, h.Stream))
}
