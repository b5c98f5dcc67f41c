// Sealing to a store that fails.
package dedupe

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/object"
)

// failingStore fails the write that failAt counts down to, and then works.
type failingStore struct {
	rangeStore
	failAt  *int
	aborted *int
}

var errFull = errors.New("store is full")

func (s failingStore) Create(ctx context.Context, name string) (object.Writer, error) {
	w, err := s.rangeStore.Create(ctx, name)
	return failingWriter{w, s}, err
}

type failingWriter struct {
	object.Writer
	store failingStore
}

func (w failingWriter) step() error {
	if *w.store.failAt--; *w.store.failAt == 0 {
		return errFull
	}
	return nil
}

func (w failingWriter) Write(p []byte) (int, error) {
	if err := w.step(); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

func (w failingWriter) Commit() error {
	if err := w.step(); err != nil {
		return err
	}
	return w.Writer.Commit()
}

func (w failingWriter) Abort() error {
	*w.store.aborted++
	return w.Writer.Abort()
}

// TestSealAgain fails each write of a seal in turn: nothing is left, and sealing again writes the same bytes.
func TestSealAgain(t *testing.T) {
	t.Parallel()
	const n = blockEntries + 10
	whole, _ := sealed(t, n)
	for failAt := 1; ; failAt++ {
		left, aborted := failAt, 0
		store := failingStore{rangeStore{}, &left, &aborted}
		m := must(Open(context.Background(), store, t.TempDir(), nil))
		b := must(m.Begin(Window{}, 0))
		check(t, b.Check(randomEntries(4, 1, n), make([]Verdict, n)))
		_, err := b.Seal(context.Background(), "run", time.Unix(77, 0))
		if err == nil && failAt > 8 {
			check(t, m.Close())
			return
		}
		if !errors.Is(err, errFull) || !strings.Contains(err.Error(), "table run") || aborted != 1 || len(store.rangeStore) > 0 {
			t.Fatalf("failed call %d: %v, %d aborts, %d objects", failAt, err, aborted, len(store.rangeStore))
		}
		must(b.Seal(context.Background(), "run", time.Unix(77, 0)))
		if !slices.Equal(store.rangeStore["run"], whole["run"]) {
			t.Fatalf("failed call %d: other bytes the second time", failAt)
		}
		check(t, m.Close())
	}
}
