// Tests that a former owner of a stream changes nothing.

package owner

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

func open(t *testing.T) catalog.Catalog {
	t.Helper()
	c, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestFormerOwner(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), open(t)
	since := time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	if _, found, err := Find(ctx, c, "payments"); err != nil || found {
		t.Fatalf("a stream without an owner: %v, %v", found, err)
	}
	first, err := Take(ctx, c, "payments", Owner{Process: "one", Address: "10.0.0.1:7000", Since: since})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Take(ctx, c, "refunds", Owner{Process: "two", Since: since}); err != nil { // another stream
		t.Fatal(err)
	}
	write := func(o *Ownership, value int) error {
		return o.Catalog().Update(ctx, func(tx catalog.Tx) error { return tx.Put("state", value) })
	}
	if err := errors.Join(write(first, 1), first.Confirm(ctx)); err != nil {
		t.Fatal(err)
	}
	second, err := Take(ctx, c, "payments", Owner{Process: "two", Since: since})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"update": write(first, 2), "confirm": first.Confirm(ctx)} {
		if !errors.Is(err, ErrLost) || failure.Of(err) != failure.Transient {
			t.Errorf("%s of the former owner: %v [%v]", name, err, failure.Of(err))
		}
	}
	if err := first.Release(ctx); err != nil {
		t.Fatal(err)
	}
	if o, found, err := Find(ctx, c, "payments"); err != nil || !found || o != (Owner{Number: 2, Process: "two", Since: since}) {
		t.Errorf("after the release of the former owner: %+v, %v, %v", o, found, err)
	}
	if err := errors.Join(write(second, 3), second.Confirm(ctx), second.Release(ctx)); err != nil {
		t.Error(err)
	}
	if o, _, err := Find(ctx, c, "payments"); err != nil || o.Process != "" || o.Number != 2 {
		t.Errorf("after the release: %+v, %v", o, err)
	}
	if err := TakeAll(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := second.Confirm(ctx); !errors.Is(err, ErrLost) {
		t.Errorf("confirm after all streams were taken: %v", err)
	}
	if o, _, err := Find(ctx, c, "refunds"); err != nil || o.Number != 2 || o.Process != "" {
		t.Errorf("another stream after all were taken: %+v, %v", o, err)
	}
	value, err := catalog.Read(ctx, c, func(tx catalog.Tx) (value int, err error) {
		_, err = tx.Get("state", &value)
		return value, err
	})
	if err != nil || value != 3 {
		t.Errorf("the state is %d, %v", value, err)
	}
}

// TestFormerOwnerWithinUpdate takes the stream between the begin of an update and its end: the update fails, or the new owner sees what it wrote.
func TestFormerOwnerWithinUpdate(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), open(t)
	first, err := Take(ctx, c, "payments", Owner{Process: "one"})
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan error, 1)
	err = first.Catalog().Update(ctx, func(tx catalog.Tx) error {
		go func() {
			_, err := Take(context.WithoutCancel(ctx), c, "payments", Owner{Process: "two"})
			taken <- err
		}()
		return tx.Put("state", 1)
	})
	if failed := <-taken; failed != nil {
		t.Fatal(failed)
	}
	if err != nil && !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	if err := first.Confirm(ctx); !errors.Is(err, ErrLost) {
		t.Errorf("confirm: %v", err)
	}
}
