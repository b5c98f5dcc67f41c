// A binding that does not end is abandoned, without an effect on other sessions.

package duck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
)

func TestBindingEndsInTime(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.bindTimeout = 5 * time.Millisecond
	var sql strings.Builder
	sql.WriteString("WITH t0 AS (SELECT n FROM delta)") // each has twice the columns of the one before
	const doublings = 15
	for i := range doublings {
		fmt.Fprintf(&sql, ", t%d AS (SELECT a.*, b.* FROM t%d a, t%d b)", i+1, i, i)
	}
	fmt.Fprintf(&sql, " SELECT * FROM t%d", doublings)
	tables := map[string][]column.Field{"delta": {{Name: "n", Type: column.Type{Kind: column.BigInt}}}}
	if _, _, err := s.Select(t.Context(), tables, sql.String()); !errors.Is(err, errBindTimeout) {
		t.Errorf("got %v, want %v", err, errBindTimeout)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Bind(cancelled, nil, "1 + 1", column.InRuns); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
