// Several processes on one pipeline: each has its own engine on the same stores, and all do the same work at once.

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"testing"
	"time"

	"bursar/internal/artifact/pgindex"
	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/rebuild"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
)

// process is what one of several processes has of a project.
type process struct {
	*step.Executor
	queries   *query.Reader
	rebuilder *rebuild.Rebuilder
}

func newProcess(e *reconcile.Engine) *process {
	q := query.New(e)
	return &process{step.New(e), q, rebuild.New(q)}
}

// openShared opens a small project whose catalog and index are in PostgreSQL, and as many processes on it as asked for, with their
// own connections.
func openShared(t *testing.T, pipeline string, n int) (*App, []*process) {
	t.Helper()
	config := postgres.Config{URL: postgrestest.URL(t)}
	a := openSmall(t, pipeline)
	var list []*process
	for range n {
		records, err := pgcatalog.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		index, err := pgindex.Open(t.Context(), pgindex.Config{Postgres: config})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := records.Close(); err != nil {
				t.Error(err)
			}
		})
		if len(list) == 0 { // its index is closed with the project
			secret := a.Events.Secret
			if err := a.index.Close(); err != nil {
				t.Fatal(err)
			}
			a.index = index
			a.compose(a.Engine.Objects, records, a.Engine.Scratch, secret)
			a.Engine.Shared, a.Events.Shared = true, true
		} else {
			t.Cleanup(func() { _ = index.Close() })
		}
		e := a.Engine.WithIndex(index)
		e.Catalog, e.Log = records, slog.New(slog.NewTextHandler(t.Output(), nil))
		list = append(list, newProcess(e))
	}
	return a, list
}

// drain works off the backlog as one of several processes: what fails because another one is ahead is tried again.
func (p *process) drain(ctx context.Context, pipeline string, rebuilding bool) error {
	for {
		next, err := p.Next(ctx, pipeline, 0, rebuilding)
		if err != nil || !next.Backlog {
			return err
		}
		if err := p.run(ctx, next); err != nil {
			return fmt.Errorf("%+v: %w", next.Ref, err)
		}
	}
}

// run does every step of a run, partition by partition, whatever other processes have done of it.
func (p *process) run(ctx context.Context, next runs.NextResult) error {
	for _, name := range runs.StepNames {
		for attempt := 1; ; attempt++ {
			result, err := p.attempt(ctx, next, name)
			if result.Replaced {
				return nil
			}
			if err == nil {
				break
			}
			if !failure.Of(err).Retryable() || attempt == 50 {
				return err
			}
		}
	}
	return nil
}

func (p *process) attempt(ctx context.Context, next runs.NextResult, name runs.StepName) (runs.StepResult, error) {
	if name.Partitioned() {
		for partition := range next.Partitions {
			if result, err := p.Partition(ctx, next.Ref, name, partition); err != nil || result.Replaced {
				return result, err
			}
		}
	}
	return p.Step(ctx, next.Ref, name)
}

// atOnce runs functions at the same time.
func atOnce(t *testing.T, all ...func() error) {
	t.Helper()
	var group sync.WaitGroup
	for _, fn := range all {
		group.Go(func() {
			if err := fn(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// checkComplete checks that all batches are in published runs, each in one, that nothing is left in between, and the totals.
func checkComplete(t *testing.T, a *App, batches int) {
	t.Helper()
	g, err := a.Queries.Current(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	list, err := runs.ListPublished(t.Context(), a.Engine.Catalog, &g, 0)
	if err != nil {
		t.Fatal(err)
	}
	folded := 0
	for i := range list {
		folded += len(list[i].Batches)
	}
	if folded != batches || g.Runs != g.Published {
		t.Errorf("%d of %d batches are in published runs, %d of %d runs are published", folded, batches, g.Published, g.Runs)
	}
	if name, detail := firstFailed(t, a); name != "" {
		t.Errorf("%s fails: %s", name, detail)
	}
}

// TestProcessesExecuteTheSameSteps has three processes execute all steps of all runs, at the same time.
func TestProcessesExecuteTheSameSteps(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d partitions", partitions), func(t *testing.T) {
			t.Parallel()
			a, list := openShared(t, ordersYAML+fmt.Sprintf("backlog: {max_batches: 1}\npartitions: %d\n", partitions), 3)
			payAtRandom(t, a, 6, func(int) {})
			atOnce(t,
				func() error { return list[0].drain(t.Context(), "orders", false) },
				func() error { return list[1].drain(t.Context(), "orders", false) },
				func() error { return list[2].drain(t.Context(), "orders", false) })
			checkComplete(t, a, 6)
			if left := partitionObjectsLeft(t, a); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			alone := openSmall(t, ordersYAML)
			payAtRandom(t, alone, 6, func(int) {})
			runAll(t, alone, "orders")
			if digestOf(t, a) != digestOf(t, alone) {
				t.Error("the artifacts are not those of one process")
			}
		})
	}
}

// TestProcessesRebuildAtOnce has two processes rebuild a pipeline while others publish runs of it and events arrive.
func TestProcessesRebuildAtOnce(t *testing.T) {
	t.Parallel()
	a, list := openShared(t, ordersYAML+"backlog: {max_batches: 1}\npartitions: 2\n", 4)
	const before, batches = 4, 12
	ingested := make(chan struct{})
	begun := make(chan struct{})
	var once sync.Once
	follow := func(p *process) func() error {
		return func() error {
			for {
				last := false
				select {
				case <-ingested:
					last = true
				default:
				}
				if err := p.drain(t.Context(), "orders", false); err != nil || last {
					return err
				}
			}
		}
	}
	results := make([]rebuild.Result, 2)
	rebuildBy := func(i int) func() error {
		return func() (err error) {
			<-begun
			results[i], err = list[i].rebuilder.Rebuild(t.Context(), "orders", func(ctx context.Context) error {
				return list[i].drain(ctx, "orders", true)
			})
			if errors.Is(err, runs.ErrRebuiltAnew) {
				return nil
			}
			return err
		}
	}
	atOnce(t, rebuildBy(0), rebuildBy(1), follow(list[2]), follow(list[3]), func() error {
		defer close(ingested)
		payAtRandom(t, a, batches, func(batch int) {
			if batch == before {
				once.Do(func() { close(begun) })
			}
		})
		return nil
	})
	t.Logf("rebuilt: %+v", results)
	checkComplete(t, a, batches)
	if state, _, err := runs.ReadState(t.Context(), a.Engine.Catalog, "orders"); err != nil || state.Building != 0 || state.Generation < 2 {
		t.Errorf("%+v, %v; want a new generation, and none in the making", state, err)
	}
	alone := openSmall(t, ordersYAML)
	payAtRandom(t, alone, batches, func(int) {})
	runAll(t, alone, "orders")
	if digestOf(t, a) != digestOf(t, alone) {
		t.Error("the artifacts are not those of one process")
	}
}

// TestSwitchWaitsForPublishedBatches publishes a batch in the old generation after the new one was read: it is folded before the switch.
func TestSwitchWaitsForPublishedBatches(t *testing.T) {
	t.Parallel()
	a, list := openShared(t, ordersYAML+"backlog: {max_batches: 1}\n", 2)
	pay(t, a, "1 a 10.00")
	if err := list[0].drain(t.Context(), "orders", false); err != nil {
		t.Fatal(err)
	}
	old := runs.Ref{Pipeline: "orders", Generation: 1, Run: 2}
	drains := 0
	result, err := list[0].rebuilder.Rebuild(t.Context(), "orders", func(ctx context.Context) error {
		if err := list[0].drain(ctx, "orders", true); err != nil {
			return err
		}
		if drains++; drains == 1 {
			pay(t, a, "2 a 5.00", "3 b 1.00")
			return list[1].drain(ctx, "orders", false)
		}
		if drains == 2 { // planned, and not published: it is the backlog of the new generation
			pay(t, a, "4 c 7.00")
			_, err := list[1].Next(ctx, "orders", 0, false)
			return err
		}
		return nil
	})
	if err != nil || drains != 2 || result.Runs != 2 || result.Rows != 2 {
		t.Fatalf("%+v, %v after %d drains", result, err, drains)
	}
	for _, name := range runs.StepNames {
		if got, err := list[1].Step(t.Context(), old.Of(3), name); err != nil || !got.Replaced {
			t.Errorf("%s of a run of the old generation: %+v, %v", name, got, err)
		}
	}
	if got, err := list[1].Partition(t.Context(), old.Of(3), runs.StepIndex, 0); err != nil || !got.Replaced {
		t.Errorf("a partition of a run of the old generation: %+v, %v", got, err)
	}
	if err := list[1].drain(t.Context(), "orders", false); err != nil {
		t.Fatal(err)
	}
	checkComplete(t, a, 3)
}

// TestReplacedGenerationStays reads a replaced generation for ten minutes; then it is removed, and a query that has it starts again.
func TestReplacedGenerationStays(t *testing.T) {
	t.Parallel()
	a, list := openShared(t, ordersYAML, 2)
	now := time.Now()
	for _, p := range list {
		p.Now = func() time.Time { return now }
	}
	pay(t, a, "1 a 10.00", "2 b 20.00")
	rebuilds := func(ctx context.Context) error { return list[0].drain(ctx, "orders", true) }
	if err := list[0].drain(t.Context(), "orders", false); err != nil {
		t.Fatal(err)
	}
	plan, err := list[1].Plan(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	old, err := list[1].queries.Current(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := list[0].rebuilder.Rebuild(t.Context(), "orders", rebuilds); err != nil {
		t.Fatal(err)
	}
	now = now.Add(9 * time.Minute)
	if err := list[0].rebuilder.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := list[1].queries.Digest(t.Context(), plan, &old); err != nil || got.Rows != 2 {
		t.Fatalf("the old generation: %+v, %v", got, err)
	}
	if unknown, err := a.findUnknownObjects(t.Context()); err != nil || len(unknown.unexpected) > 0 {
		t.Errorf("%+v, %v", unknown, err)
	}
	now = now.Add(2 * time.Minute)
	// The other process sweeps while this one reads the generation.
	swept := false
	written := writerFunc(func(p []byte) (int, error) {
		if !swept {
			swept = true
			return len(p), list[0].rebuilder.Sweep(t.Context())
		}
		return len(p), nil
	})
	if _, err := list[1].queries.Export(t.Context(), "orders", written); err != nil {
		t.Errorf("export of the new generation while the old one is removed: %v", err)
	}
	if _, err := list[1].queries.Digest(t.Context(), plan, &old); err == nil {
		t.Error("the old generation is still there")
	}
	if keys := keysOf(t, a, "run/orders/g0001/"); len(keys) > 0 {
		t.Errorf("documents of the old generation: %v", keys)
	}
	late := artifactName(t, a, "pipelines/orders/g0001/runs/00000001/late.part")
	now = now.Add(24 * time.Hour)
	if err := list[0].rebuilder.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Engine.Objects.Open(t.Context(), late); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was written late: %v", err)
	}
	if keys := keysOf(t, a, "dropped/"); len(keys) > 0 {
		t.Errorf("marks that remain: %v", keys)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// artifactName writes an object and returns its name.
func artifactName(t *testing.T, a *App, name string) string {
	t.Helper()
	w, err := a.Engine.Objects.Create(t.Context(), name)
	if err == nil {
		_, err = w.Write([]byte("late"))
	}
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}
