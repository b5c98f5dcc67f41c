// Tests of the keyed mutex.

package keyed

import (
	"context"
	"errors"
	"testing"
)

func TestMutex(t *testing.T) {
	t.Parallel()
	var m Mutex
	unlock, err := m.Lock(t.Context(), "orders/g1/1")
	if err != nil {
		t.Fatal(err)
	}
	other, err := m.Lock(t.Context(), "orders/g1/2")
	if err != nil {
		t.Fatal(err)
	}
	other()
	stopped := errors.New("stopped")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if _, err := m.Lock(ended, "orders/g1/1"); !errors.Is(err, stopped) {
		t.Errorf("a locked key is locked again: %v", err)
	}
	unlock()
	if unlock, err = m.Lock(t.Context(), "orders/g1/1"); err != nil {
		t.Fatal(err)
	}
	unlock()
	if len(m.entries) != 0 {
		t.Errorf("%d keys take memory", len(m.entries))
	}
}

// TestMutexExcludes counts without atomic operations: the race detector reports it if two goroutines lock a key at once.
func TestMutexExcludes(t *testing.T) {
	t.Parallel()
	const callers, times = 8, 200
	var m Mutex
	n, done := 0, make(chan error)
	for range callers {
		go func() {
			var failed error
			for range times {
				unlock, err := m.Lock(context.Background(), "key")
				if err != nil {
					failed = err
					break
				}
				n++
				unlock()
			}
			done <- failed
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n != callers*times {
		t.Errorf("counted %d of %d", n, callers*times)
	}
}
