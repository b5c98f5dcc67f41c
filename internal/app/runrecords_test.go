// The records of a run's steps: a partition with another state than its run's is refused, listing runs reads only later ones, and
// intermediate objects are deleted.

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/object"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
)

// TestPartitionOfOtherStateIsRefused records one partition's prefetch without a run, and the run's with the run before.
func TestPartitionOfOtherStateIsRefused(t *testing.T) {
	t.Parallel()
	for stale := range 2 {
		a, first, second := openLagging(t)
		if _, err := a.Steps.Partition(t.Context(), second, "prefetch", stale); err != nil {
			t.Fatal(err)
		}
		mustStep(t, a, first, "index", "publish")
		run, asOf := runOfOrders(t, a, 2), uint64(1)
		if run.AsOf == nil || *run.AsOf != 0 {
			t.Fatalf("%+v is as of another run than 0", run)
		}
		run.AsOf = &asOf
		putRun(t, a, run)
		mustStep(t, a, second, "prefetch", "merge", "index", "publish")
		if name, detail := firstFailed(t, a); name != "" {
			t.Errorf("partition %d kept: %s fails: %s", stale, name, detail)
		}
		for p, share := range runOfOrders(t, a, 2).Steps["prefetch"].Shares {
			if share.AsOf != asOf {
				t.Errorf("partition %d of the run as of %d is as of %d", p, asOf, share.AsOf)
			}
		}
	}
}

// dyingStore ends the goroutine at the first and every later deletion.
type dyingStore struct{ object.Local }

func (d *dyingStore) Delete(context.Context, string) error { return errKilled }

// TestStepObjectsAreDeletedAfterAKill kills a run between publishing and deleting its intermediate objects: the retried step deletes them,
// and so does the next run.
func TestStepObjectsAreDeletedAfterAKill(t *testing.T) {
	t.Parallel()
	for _, retried := range []bool{true, false} {
		a := openTwoRuns(t)
		pay(t, a, "6 a 0.50")
		for _, name := range []runs.StepName{"reduce", "prefetch", "merge", "index"} {
			if err := tryStep(t, a, name); err != nil {
				t.Fatal(err)
			}
		}
		dying := engineOver(a, a.Engine.Catalog)
		dying.Objects = &dyingStore{a.Engine.Objects}
		last := runs.Ref{Pipeline: "orders", Generation: 1, Run: 3}
		if _, err := step.New(dying).Step(t.Context(), last, "publish"); !errors.Is(err, errKilled) {
			t.Fatalf("publish says %v", err)
		}
		if g, err := a.Queries.Current(t.Context(), "orders"); err != nil || g.Published != 3 || len(stepObjects(t, a)) != 2 {
			t.Fatalf("%+v, %v, with %v", g, err, stepObjects(t, a))
		}
		if retried {
			mustStep(t, a, last, "publish")
		} else {
			pay(t, a, "7 b 0.50")
			runAll(t, a, "orders")
		}
		if left := stepObjects(t, a); len(left) > 0 {
			t.Errorf("tried again %v: of the steps stay %v", retried, left)
		}
		if name, detail := firstFailed(t, a); name != "" {
			t.Errorf("%s fails: %s", name, detail)
		}
	}
}

// stepObjects lists the stored deltas and states.
func stepObjects(t *testing.T, a *App) (names []string) {
	t.Helper()
	all, err := a.Engine.Objects.List(t.Context(), "pipelines/")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if !strings.Contains(name, "/parts/") {
			names = append(names, name)
		}
	}
	return names
}

// countingCatalog counts the documents that transactions read.
type countingCatalog struct {
	catalog.Catalog
	read int
}

func (c *countingCatalog) View(ctx context.Context, fn func(catalog.Tx) error) error {
	return c.Catalog.View(ctx, func(tx catalog.Tx) error { return fn(&countingTx{tx, c}) })
}

type countingTx struct {
	catalog.Tx
	c *countingCatalog
}

func (x *countingTx) Get(key string, value any) (bool, error) {
	x.c.read++
	return x.Tx.Get(key, value)
}

func (x *countingTx) List(prefix string, fn func(string, json.RawMessage) error) error {
	return x.Tx.List(prefix, x.counted(fn))
}

func (x *countingTx) ListAfter(prefix, after string, fn func(string, json.RawMessage) error) error {
	return x.Tx.ListAfter(prefix, after, x.counted(fn))
}

func (x *countingTx) counted(fn func(string, json.RawMessage) error) func(string, json.RawMessage) error {
	return func(key string, value json.RawMessage) error {
		x.c.read++
		return fn(key, value)
	}
}

// TestRunsReadsOnlyLaterRuns records many runs: listing the last ones reads only those.
func TestRunsReadsOnlyLaterRuns(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML)
	const recorded = 500
	err := a.Engine.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		for n := uint64(1); n <= recorded; n++ {
			run := runs.Run{Pipeline: "orders", Generation: 1, Run: n}
			if err := tx.Put(fmt.Sprintf("run/orders/g0001/%08d", n), run); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []uint64{0, 1, 99, recorded - 3, recorded} {
		counting := &countingCatalog{Catalog: a.Engine.Catalog}
		found, err := runs.List(t.Context(), counting, "orders", 1, after)
		if err != nil || len(found) != int(recorded-after) || len(found) > 0 && found[0].Run != after+1 {
			t.Fatalf("after %d: %d runs, %v", after, len(found), err)
		}
		if counting.read != len(found) {
			t.Errorf("after %d: %d documents are read for %d runs", after, counting.read, len(found))
		}
	}
}
