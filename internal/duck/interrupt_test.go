// Tests of statements that are cancelled.

package duck_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/duck"
)

// TestInterruptAtAnyTime cancels long statements at random times, many of them while DuckDB prepares the statement: it forgets an interruption
// when it begins to execute.
func TestInterruptAtAnyTime(t *testing.T) {
	t.Parallel()
	s := open(t, duck.Options{Threads: 2})
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const long = "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c"
	for range 300 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(2_000))*time.Microsecond)
		query := s.Query(ctx, long, func([]column.Vector) error { return nil })
		exec := s.Exec(ctx, "CREATE TABLE t AS "+long)
		cancel()
		if !errors.Is(query, context.DeadlineExceeded) || !errors.Is(exec, context.DeadlineExceeded) {
			t.Fatalf("query: %v; statement: %v", query, exec)
		}
	}
}
