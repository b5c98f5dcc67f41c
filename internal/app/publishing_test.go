// Publishing by the workflow of the warehouse: commands, following, and a warehouse that is away.

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bursar/internal/event/retract"
	"bursar/internal/failure"
	"bursar/internal/warehouse/publish"
)

// TestPublishCommand publishes by command: everything, named tables, nothing, and tables of which one fails.
func TestPublishCommand(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	if list, err := a.WarehouseStatus(t.Context()); err != nil || list != nil {
		t.Errorf("status %v, %v before the first publication", list, err)
	}
	if _, err := os.Stat(a.warehouseFile()); !errors.Is(err, os.ErrNotExist) {
		t.Error("the status has made a warehouse")
	}
	var groups atomic.Int64
	mustPublish(t, a, PublishOptions{Watch: func(publish.Result) { groups.Add(1) }}, "events_payments 5", "orders 4")
	if groups.Load() < 2 {
		t.Errorf("%d groups were reported", groups.Load())
	}
	mustPublish(t, a, PublishOptions{})
	mustPublish(t, a, PublishOptions{Tables: []string{"orders", "orders"}}, "orders 0")
	mustPublish(t, a, PublishOptions{Tables: []string{"orders"}, Again: true}, "orders 4")

	_, err := a.Publish(t.Context(), PublishOptions{Tables: []string{"orders", "order"}})
	if failure.ExitCode(err) != 3 {
		t.Errorf("an unknown table: %v", err)
	}

	changeWarehouse(t, a, `ALTER TABLE "events_payments" DROP COLUMN "amount"`)
	pay(t, a, "6 a 2.00")
	runAll(t, a, "orders")
	done, err := a.Publish(t.Context(), PublishOptions{})
	if len(done) != 1 || done[0].Table != "orders" || done[0].Rows != 1 {
		t.Errorf("published %+v", done)
	}
	if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "events_payments") {
		t.Errorf("a table that somebody changed: %v", err)
	}
	list, err := a.WarehouseStatus(t.Context())
	if err != nil || len(list) != 2 || list[0].Error == "" || list[0].Waiting != 1 || list[1].Error != "" || list[1].Behind {
		t.Errorf("status %+v, %v", list, err)
	}
}

// mustPublish publishes, and compares what was done with lines such as "orders 4".
func mustPublish(t *testing.T, a *App, o PublishOptions, want ...string) {
	t.Helper()
	done, err := a.Publish(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range done {
		got = append(got, fmt.Sprintf("%s %d", r.Table, r.Rows))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("published %v, want %v", got, want)
	}
}

// follow publishes until the test ends.
func follow(t *testing.T, a *App) {
	t.Helper()
	stop, err := a.startPublishing(t.Context())
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitTables waits until all tables are up to date and have these numbers of rows, in lines such as "orders 4".
func awaitTables(t *testing.T, a *App, want ...string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var got []string
	for began := time.Now(); time.Since(began) < time.Minute; <-tick.C {
		list, err := a.WarehouseStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = got[:0]
		for _, s := range list {
			if !s.Behind {
				got = append(got, fmt.Sprintf("%s %d", s.Table, s.Rows))
			}
		}
		if slices.Equal(got, want) {
			return
		}
	}
	t.Fatalf("the tables are %v, want %v", got, want)
}

// TestPublishingFollows has a process that is up publish what is sealed, what runs publish, and what is retracted, with no call.
func TestPublishingFollows(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	follow(t, a)
	awaitTables(t, a, "events_payments 5", "orders 4")
	pay(t, a, "6 e 2.00")
	awaitTables(t, a, "events_payments 6", "orders 4")
	runAll(t, a, "orders")
	awaitTables(t, a, "events_payments 6", "orders 5")
	if _, err := retract.Retract(t.Context(), a.Events, a.Project.Stream("payments"), retract.Options{Batch: 2, Reason: "wrong"}); err != nil {
		t.Fatal(err)
	}
	awaitTables(t, a, "events_payments 4") // readers of orders wait for a rebuild
	if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
		t.Fatal(err)
	}
	awaitTables(t, a, "events_payments 4", "orders 4")
	mustPublish(t, a, PublishOptions{Tables: []string{"orders"}}, "orders 0") // by the same worker
}

// TestPublishingWithoutWarehouse: a project without one has nothing to follow, and commands say so.
func TestPublishingWithoutWarehouse(t *testing.T) {
	t.Parallel()
	a := openWith(t, "warehouse: {kind: none}\n")
	stop, err := a.startPublishing(t.Context())
	if err = errors.Join(err, stop()); err != nil || a.temporal != nil {
		t.Errorf("%v, connected %v", err, a.temporal != nil)
	}
	if list, err := a.WarehouseStatus(t.Context()); list != nil || err != nil {
		t.Errorf("status %v, %v", list, err)
	}
	if _, err := a.Publish(t.Context(), PublishOptions{}); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "no warehouse") {
		t.Errorf("publish: %v", err)
	}
}

// TestPublishingWaitsForWarehouse has the warehouse of a process that is up away: everything else works, and the status says why.
func TestPublishingWaitsForWarehouse(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	a := openTwoRuns(t)
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	a.Project.Config.Warehouse.Kind, a.Project.Config.Warehouse.URL = "postgres", "postgres://u:secret@127.0.0.1:1/db"
	stop, err := a.startPublishing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pay(t, a, "6 a 2.00")
	if _, err := a.Run(t.Context(), []string{"orders"}, nil); err != nil {
		t.Error(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for a.publishing.lastError("") == nil {
		<-tick.C
	}
	began := time.Now()
	if _, err := a.WarehouseStatus(t.Context()); failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "127.0.0.1:1") || time.Since(began) > time.Second {
		t.Errorf("status in %v: %v", time.Since(began), err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "cannot publish"); n != 1 || strings.Contains(log.String(), "secret") {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
}

// TestPublishWakes counts the wakes of two busy hours: one a second while the workflow looks at what is behind, and one a minute while it does
// not, because a transaction takes long or Temporal is away.
func TestPublishWakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		looks bool
		err   error
		most  int64
	}{
		"looks":  {true, nil, 2*3600 + 1},
		"busy":   {false, nil, 2*60 + 10},
		"failed": {false, errors.New("the server does not answer"), 2*60 + 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			a := &App{log: slog.New(slog.NewTextHandler(&log, nil))}
			changes := make(chan struct{}, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
			defer cancel()
			go func() {
				for ctx.Err() == nil {
					select {
					case changes <- struct{}{}:
					default:
					}
					pause(ctx, 400*time.Millisecond)
				}
			}()
			var wakes int64
			a.wakePublishing(ctx, func(context.Context) error {
				wakes++
				if tt.looks {
					a.publishing.looks.looked()
				}
				return tt.err
			}, changes, nil)
			if wakes > tt.most || wakes < tt.most*8/10 {
				t.Errorf("%s: %d wakes in two hours, want about %d", name, wakes, tt.most)
			}
			if n := strings.Count(log.String(), "cannot notify"); (n > 0) != (tt.err != nil) {
				t.Errorf("%s: %d warnings", name, n)
			}
		})
	}
}
