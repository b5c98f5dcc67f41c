// Tests of statements that end in a panic.

package wire

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"bursar/internal/warehouse/duckwarehouse"
)

// faulty is a warehouse in which the second use ends in a panic: that which reads rows, after a statement was checked.
type faulty struct {
	Warehouse

	uses atomic.Int32
}

func (f *faulty) Asking(ctx context.Context, fn func(context.Context, duckwarehouse.Asker) error) error {
	if f.uses.Add(1) == 2 {
		panic("an error in the code")
	}
	return f.Warehouse.Asking(ctx, fn)
}

// TestPanic ends a statement with an error, and the server goes on.
func TestPanic(t *testing.T) {
	t.Parallel()
	f := &faulty{}
	e := serve(t, func(o *Options) {
		db, err := o.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.Warehouse = db
		o.Open = func(context.Context) (Warehouse, error) { return f, nil }
	})
	conn := e.connect(t, pgx.QueryExecModeSimpleProtocol)
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&n); err == nil || !strings.Contains(err.Error(), codeInternal) {
		t.Errorf("the error is %v", err)
	}
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d rows, %v", n, err)
	}
	if log := e.log.String(); !strings.Contains(log, "an error in the code") {
		t.Errorf("logged %s", log)
	}
}
