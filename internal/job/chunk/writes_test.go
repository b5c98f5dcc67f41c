// Tests of writes that share a transaction: each keeps its own version, and its own error.

package chunk

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"bursar/internal/catalog"
)

// countedCatalog counts transactions. The first one waits until it is released.
type countedCatalog struct {
	catalog.Catalog
	updates atomic.Int64
	began   chan struct{}
	release chan struct{}
	fail    error // of the second
}

func (c *countedCatalog) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	switch n := c.updates.Add(1); {
	case n == 1:
		close(c.began)
		<-c.release
	case n == 2 && c.fail != nil:
		return c.fail
	}
	return c.Catalog.Update(ctx, fn)
}

// writeTogether has five writes wait while another is written, and returns their errors and the number of transactions.
func writeTogether(t *testing.T, fail error) (errs [5]error, written int, transactions int64) {
	t.Helper()
	inner, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inner.Close() }()
	c := &countedCatalog{Catalog: inner, began: make(chan struct{}), release: make(chan struct{}), fail: fail}
	var w Writes
	first := make(chan error, 1)
	go func() {
		first <- w.update(t.Context(), c, func(tx catalog.Tx) error { return tx.Put("written/first", 1) })
	}()
	<-c.began
	done := make(chan struct{}, len(errs))
	for i := range errs {
		go func() {
			errs[i] = w.update(t.Context(), c, func(tx catalog.Tx) error {
				if i == 3 {
					return fmt.Errorf("chunk 3: %w", ErrSuperseded)
				}
				return tx.Put(fmt.Sprint("written/", i), i)
			})
			done <- struct{}{}
		}()
	}
	for waiting := 0; waiting < len(errs); {
		w.mu.Lock()
		if w.next != nil {
			waiting = len(w.next.writes)
		}
		w.mu.Unlock()
	}
	close(c.release)
	for range errs {
		<-done
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
	list, err := catalog.Read(t.Context(), inner, func(tx catalog.Tx) ([]int, error) { return catalog.All[int](tx, "written/", "") })
	if err != nil {
		t.Fatal(err)
	}
	return errs, len(list), c.updates.Load()
}

func TestWritesShareTransactions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail         error
		transactions int64
		written      int
		want         error // of the others
	}{
		"all":         {nil, 2, 5, nil},
		"one at once": {context.Canceled, 7, 5, nil}, // the context of one has ended
		"unknown":     {catalog.ErrOutcomeUnknown, 2, 1, catalog.ErrOutcomeUnknown},
	} {
		errs, written, transactions := writeTogether(t, c.fail)
		if written != c.written || transactions != c.transactions {
			t.Errorf("%s: %d writes in %d transactions, want %+v", name, written, transactions, c)
		}
		for i, err := range errs {
			want := c.want
			if i == 3 && want == nil {
				want = ErrSuperseded
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: write %d: %v, want %v", name, i, err, want)
			}
		}
	}
}
