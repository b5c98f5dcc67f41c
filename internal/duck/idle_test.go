// Tests of the pool of idle databases.

package duck

import "testing"

// TestIdleDatabasesAreBounded ends sessions with many settings: only a few databases are kept, the most recently used ones.
func TestIdleDatabasesAreBounded(t *testing.T) {
	t.Parallel()
	for range 3 * maxIdle {
		s, err := Open(Options{Threads: 1, Scratch: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	idle.mu.Lock()
	defer idle.mu.Unlock()
	if len(idle.kept) > maxIdle {
		t.Errorf("%d databases are kept, %d at most", len(idle.kept), maxIdle)
	}
}
