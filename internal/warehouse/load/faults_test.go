// Tests of faults: objects that change while they are read, transactions that fail at any call, lost answers, and several processes.

package load_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/load"
)

// watched calls functions when an object is opened, and after it was read.
type watched struct {
	load.Source
	opening, read func(name string)
}

func (s watched) Open(ctx context.Context, o load.Object) (load.Reader, error) {
	if s.opening != nil {
		s.opening(o.Name)
	}
	r, err := s.Source.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return watchedReader{r, s, o.Name}, nil
}

type watchedReader struct {
	load.Reader
	source watched
	name   string
}

func (r watchedReader) Unchanged() error {
	if r.source.read != nil {
		r.source.read(r.name)
	}
	return r.Reader.Unchanged()
}

// watch calls the functions while objects are read.
func (h *harness) watch(opening, read func(name string)) {
	source := h.Config.Source
	h.Config.Source = func(ctx context.Context, l *project.Load) (load.Source, error) {
		s, err := source(ctx, l)
		return watched{s, opening, read}, err
	}
}

// TestObjectsThatChange deletes and changes objects while they are loaded. A load of new objects leaves them out, and loads them the next time.
func TestObjectsThatChange(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			h.File("in/"+name+".json", `{"id":"`+name+`"}`)
		}
		plain := h.Config.Source
		var deleted, changed, grown sync.Once
		h.watch(func(name string) {
			switch name {
			case "b.json":
				deleted.Do(func() { h.Remove("in/b.json") })
			case "c.json":
				changed.Do(func() { h.File("in/c.json", `{"id":"cc"}`) })
			}
		}, func(name string) {
			if name == "d.json" {
				grown.Do(func() { h.File("in/d.json", `{"id":"d"}`, `{"id":"dd"}`) })
			}
		})
		r := h.Load("2 2 0 0")
		left := fmt.Sprint(r.LeftOut)
		for _, want := range []string{"{b.json it was deleted after it was listed}", "{c.json it was changed after it was listed}", "{d.json it was changed after it was listed}"} {
			if !strings.Contains(left, want) {
				h.Errorf("left out are %s, without %s", left, want)
			}
		}
		h.Want("SELECT id FROM events ORDER BY id", "a", "e")
		h.Config.Source = plain
		h.Load("2 3 0 2")
		h.Want("SELECT id FROM events ORDER BY id", "a", "cc", "d", "dd", "e")
	})
}

// TestReplacedRowsNeedAllObjects: a load that replaces rows does not leave out an object that exists.
func TestReplacedRowsNeedAllObjects(t *testing.T) {
	t.Parallel()
	onEach(t, bulkYAML, func(h *harness) {
		h.File("in/a.csv", "id", "1")
		h.File("in/b.csv", "id", "2")
		h.Change("  amount: {type: \"decimal(18,2)\", optional: true}\n", "")
		h.Load("2 2 0 0")
		h.File("in/a.csv", "id", "3")
		h.watch(nil, func(name string) {
			if name == "b.csv" {
				h.File("in/b.csv", "id", "4")
			}
		})
		h.FailsAs(failure.Transient, "load events: object b.csv: it was changed after it was listed; nothing was loaded: load again when nobody writes to it")
		h.watch(func(name string) {
			if name == "a.csv" {
				_ = os.Remove(filepath.Join(h.Dir, "in/a.csv"))
			}
		}, nil)
		h.FailsAs(failure.Transient, "object b.csv")
	})
}

// failing fails at a call, counted over all transactions, with the effects before it rolled back; or after a commit.
type failing struct {
	warehouse.Database
	mu     sync.Mutex
	calls  int
	failAt int
	lose   bool // the answer of the commit instead
}

var errFault = failure.Wrap(failure.Transient, errors.New("a fault"))

// next counts a call and reports whether it is the one that fails.
func (d *failing) next() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	return d.calls == d.failAt
}

func (d *failing) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	err := d.Database.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := fn(ctx, failingTx{tx, d}); err != nil {
			return err
		}
		if !d.lose && d.next() {
			return errFault
		}
		return nil
	})
	if err == nil && d.lose && d.next() {
		return fmt.Errorf("%w: %w", warehouse.ErrOutcomeUnknown, errFault)
	}
	return err
}

type failingTx struct {
	warehouse.Tx
	db *failing
}

func (t failingTx) do(what func() error) error {
	err := what()
	if err == nil && !t.db.lose && t.db.next() {
		return errFault
	}
	return err
}

func (t failingTx) Create(ctx context.Context, table string, columns []column.Field) error {
	return t.do(func() error { return t.Tx.Create(ctx, table, columns) })
}

func (t failingTx) Append(ctx context.Context, table string, columns []column.Field, rows warehouse.Rows) (n int64, err error) {
	err = t.do(func() error { n, err = t.Tx.Append(ctx, table, columns, rows); return err })
	return n, err
}

func (t failingTx) Replace(ctx context.Context, table, by string) error {
	return t.do(func() error { return t.Tx.Replace(ctx, table, by) })
}

func (t failingTx) Exec(ctx context.Context, sql string) (n int64, err error) {
	err = t.do(func() error { n, err = t.Tx.Exec(ctx, sql); return err })
	return n, err
}

// strategies are loads of the same objects with each strategy.
var strategies = map[string]string{
	"manifest": `load: events
from: in/
format: jsonl
columns:
  id: {type: int}
strategy: manifest
max_errors: 1000
`,
	"bulk": `load: events
from: in/
format: jsonl
columns:
  id: {type: int}
strategy: bulk
max_errors: 1000
`,
	"timeseries": `load: events
from: in/
format: jsonl
columns:
  id: {type: int}
strategy: timeseries
timeseries: {by: day}
max_errors: 1000
`,
}

// onEachStrategy runs a test with each strategy, at once and staged, on each database.
func onEachStrategy(t *testing.T, test func(h *harness)) {
	t.Helper()
	for name, yaml := range strategies {
		for _, group := range []int{1, 100} {
			t.Run(fmt.Sprintf("%s in groups of %d", name, group), func(t *testing.T) {
				t.Parallel()
				onEach(t, yaml, func(h *harness) {
					h.Config.GroupObjects = group
					test(h)
				})
			})
		}
	}
}

// days writes an object with three rows, one of them rejected, for each of some days.
func (h *harness) days(from, to int) {
	for day := from; day <= to; day++ {
		name := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC).Format("in/2006-01-02.jsonl")
		h.File(name, fmt.Sprintf(`{"id":%d}`, 2*day), `{"id":"x"}`, fmt.Sprintf(`{"id":%d}`, 2*day+1))
	}
}

// wantDays wants the rows of the days, each once, and a journal that agrees.
func (h *harness) wantDays(to int) {
	h.Helper()
	h.Want("SELECT count(*), count(DISTINCT id), min(id), max(id), count(DISTINCT _object) FROM events", fmt.Sprintf("%d|%d|2|%d|%d", 2*to, 2*to, 2*to+1, to))
	h.Want("SELECT count(*), CAST(sum(row_count) AS BIGINT), CAST(sum(rejected) AS BIGINT) FROM bursar_load_objects", fmt.Sprintf("%d|%d|%d", to, 2*to, to))
	h.Want("SELECT count(*), count(DISTINCT object) FROM bursar_load_rejected", fmt.Sprintf("%d|%d", to, to))
	h.Want("SELECT count(*) FROM bursar_load_staged", "0")
	h.Want("SELECT count(*) FROM bursar_loads WHERE finished IS NULL", "0")
	h.Want("SELECT count(*) FROM events e JOIN bursar_load_objects o ON e._object = o.object AND e._load = o.load_number", fmt.Sprint(2*to))
}

// maxFaults bounds the calls that fail: a staged load of all objects makes more calls each time.
const maxFaults = 20

// TestFaults fails at calls of a second load in turn: at every fourth one from a random one on, or at each if SEEDS is set. What was loaded before
// stays, and loading again completes it.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("loads once for each call of the database")
	}
	t.Parallel()
	first, stride := 1, 1
	if os.Getenv("SEEDS") == "" {
		first, stride = 1+rand.IntN(4), 4
	}
	t.Logf("every call that is %d modulo %d", first, stride)
	for _, lose := range []bool{false, true} {
		t.Run(fmt.Sprintf("lost answers %v", lose), func(t *testing.T) {
			t.Parallel()
			onEachStrategy(t, func(h *harness) {
				h.days(1, 2)
				h.Load("2 4 2 0")
				db := h.DB
				days := 3
				for at := first; at <= maxFaults; at += stride {
					h.days(days, days)
					days++
					h.days(days, days)
					faulty := &failing{Database: db, failAt: at, lose: lose}
					h.Config.Database = faulty
					_, err := h.Run(load.Options{})
					switch {
					case lose && err != nil:
						h.Fatalf("the answer of commit %d was lost: %v", at, err)
					case !lose && faulty.calls >= at && !errors.Is(err, errFault):
						h.Fatalf("call %d failed: %v", at, err)
					case faulty.calls < at && err != nil:
						h.Fatal(err)
					}
					h.Config.Database = db
					if err != nil {
						if _, err := h.Run(load.Options{}); err != nil {
							h.Fatalf("after the failure of call %d: %v", at, err)
						}
					}
					h.wantDays(days)
					if faulty.calls < at {
						break
					}
				}
			})
		})
	}
}

// TestSeveralProcesses loads the same objects from several processes at a time: each is loaded once.
func TestSeveralProcesses(t *testing.T) {
	t.Parallel()
	onEachStrategy(t, func(h *harness) {
		h.days(1, 6)
		var group sync.WaitGroup
		loaders := make([]*load.Loader, 3)
		declared := h.Declared()
		errs := make([]error, len(loaders))
		for i := range loaders {
			loaders[i] = load.New(h.Config)
			group.Go(func() { _, errs[i] = loaders[i].Run(h.Context(), declared, load.Options{}) })
		}
		group.Wait()
		for _, err := range errs {
			if err != nil && !strings.Contains(err.Error(), "another process has loaded objects of this load meanwhile") {
				h.Error(err)
			}
		}
		if _, err := h.Run(load.Options{}); err != nil {
			h.Fatal(err)
		}
		h.wantDays(6)
	})
}

// TestInterrupted ends loads by their context at any time.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	onEachStrategy(t, func(h *harness) {
		h.days(1, 5)
		plain := h.Config.Source
		for at := range 6 {
			ctx, cancel := context.WithCancel(h.Context())
			opened := 0
			h.Config.Source = plain
			h.watch(nil, func(string) {
				if opened++; opened > at {
					cancel()
				}
			})
			_, err := load.New(h.Config).Run(ctx, h.Declared(), load.Options{})
			if err != nil && !errors.Is(err, context.Canceled) || err == nil && at == 0 {
				h.Errorf("interrupted after %d objects: %v", at, err)
			}
			cancel()
		}
		h.Config.Source = plain
		if _, err := h.Run(load.Options{}); err != nil {
			h.Fatal(err)
		}
		h.wantDays(5)
	})
}

// TestContinued continues an interrupted load with what is not staged, unless an object or the declaration has changed since.
func TestContinued(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(h *harness)
		opened int
	}{
		"nothing has changed":      {func(*harness) {}, 3},
		"an object was added":      {func(h *harness) { h.days(6, 6) }, 4},
		"a staged one has changed": {func(h *harness) { h.days(1, 1) }, 5},
		"another one has changed":  {func(h *harness) { h.days(5, 5) }, 3},
		"another column": {func(h *harness) {
			h.Change("  id: {type: int}", "  id: {type: int}\n  more: {type: int, optional: true}")
		}, 5},
		"another table": {func(h *harness) { h.Change("strategy", "table: other\nstrategy") }, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, strategies["manifest"], func(h *harness) {
				h.Config.GroupObjects = 1
				h.days(1, 5)
				plain, db := h.Config.Source, h.DB
				h.Config.Database = &failing{Database: db, failAt: 16} // a call of the third group
				if _, err := h.Run(load.Options{}); !errors.Is(err, errFault) {
					h.Fatalf("the error is %v", err)
				}
				h.Want("SELECT count(*) FROM bursar_load_staged", "2")
				h.Want("SELECT count(*) FROM bursar_loads WHERE finished IS NULL", "1")
				h.Config.Database = db
				c.change(h)
				opened := 0
				h.watch(nil, func(string) { opened++ })
				r, err := h.Run(load.Options{})
				if err != nil || opened != c.opened {
					h.Errorf("%d objects were read, want %d: %+v (%v)", opened, c.opened, r, err)
				}
				h.Config.Source = plain
				h.Want("SELECT count(*) FROM bursar_load_staged", "0")
				h.Want("SELECT count(*) FROM bursar_loads", "1")
				h.Want("SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'bursar_staging%'", "0")
				h.Want(fmt.Sprintf("SELECT count(DISTINCT id) FROM %s", r.Table), fmt.Sprint(r.Rows))
			})
		})
	}
}

// TestContinuedSeries continues an interrupted time series with bounds.
func TestContinuedSeries(t *testing.T) {
	t.Parallel()
	onEach(t, strings.Replace(strategies["timeseries"], "{by: day}", "{by: day, start: 2026-11-01, end: 2026-12-31}", 1), func(h *harness) {
		h.Config.GroupObjects = 1
		h.days(1, 5)
		plain, db := h.Config.Source, h.DB
		h.Config.Database = &failing{Database: db, failAt: 16}
		if _, err := h.Run(load.Options{}); !errors.Is(err, errFault) {
			h.Fatalf("the error is %v", err)
		}
		h.Want("SELECT count(*) FROM bursar_load_staged", "2")
		h.Config.Database = db
		opened := 0
		h.watch(nil, func(string) { opened++ })
		if r, err := h.Run(load.Options{}); err != nil || opened != 3 {
			h.Errorf("%d objects were read, want 3: %+v (%v)", opened, r, err)
		}
		h.Config.Source = plain
		h.wantDays(5)
	})
}

// racing is a database in which another process loads before each transaction.
type racing struct {
	warehouse.Database

	h *harness
}

func (r *racing) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	r.h.Exec("UPDATE bursar_loads SET load_number = load_number + 1")
	return r.Database.Write(ctx, fn)
}

// TestAlwaysSlower gives up after some plans, with an error that may pass.
func TestAlwaysSlower(t *testing.T) {
	t.Parallel()
	onEach(t, strategies["manifest"], func(h *harness) {
		h.days(1, 1)
		h.Load("1 2 1 0")
		h.days(2, 2)
		h.Config.Database = &racing{h.DB, h}
		if _, err := h.Run(load.Options{}); failure.Of(err) != failure.Transient {
			h.Errorf("class %s: %v", failure.Of(err), err)
		}
		h.Config.Database = h.DB
		h.Load("1 2 1 1")
	})
}
