// Several processes on one pipeline: each has its own engine on the same stores, and all do the same work at once.

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/artifact/pgindex"
	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/flow"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/rebuild"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
	"bursar/internal/role"
	"bursar/internal/temporal"
)

// process is what one of several processes has of a project.
type process struct {
	*step.Executor
	queries   *query.Reader
	rebuilder *rebuild.Rebuilder
}

// openShared opens a small project whose catalog and index are in PostgreSQL, as many times as there are processes, each with its own
// connections. Objects are in the folder of the first.
func openShared(t *testing.T, pipeline string, n int) (apps []*App, list []*process) {
	t.Helper()
	return openFolders(t, slices.Repeat([]string{pipeline}, n)...)
}

// openFolders is openShared with a pipeline for each process, whose folders may differ.
func openFolders(t *testing.T, pipelines ...string) (apps []*App, list []*process) {
	t.Helper()
	config := postgres.Config{URL: postgrestest.URL(t)}
	for _, pipeline := range pipelines {
		records, err := pgcatalog.Open(t.Context(), config, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := openSmall(t, pipeline)
		t.Cleanup(func() {
			if err := records.Close(); err != nil {
				t.Error(err)
			}
		})
		if err := a.index.Close(); err != nil {
			t.Fatal(err)
		}
		if a.index, err = pgindex.Open(t.Context(), pgindex.Config{Postgres: config}); err != nil {
			t.Fatal(err)
		}
		apps = append(apps, a)
		a.log = slog.New(slog.NewTextHandler(t.Output(), nil))
		a.compose(apps[0].Engine.Objects, records, a.Engine.Scratch, apps[0].Events.Secret)
		a.Engine.Shared, a.Events.Shared = true, true
		a.Engine.Duck.Dirs, a.Events.Duck.Dirs = apps[0].Engine.Duck.Dirs, apps[0].Engine.Duck.Dirs
		list = append(list, &process{a.Steps, a.Queries, a.Rebuilder})
	}
	return apps, list
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
			apps, list := openShared(t, ordersYAML+fmt.Sprintf("backlog: {max_batches: 1}\npartitions: %d\n", partitions), 3)
			a := apps[0]
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
	apps, list := openShared(t, ordersYAML+"backlog: {max_batches: 1}\npartitions: 2\n", 4)
	a := apps[0]
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
				err := p.drain(t.Context(), "orders", false)
				if g, _ := p.queries.Current(t.Context(), "orders"); err != nil || g.Published > 0 {
					once.Do(func() { close(begun) })
				}
				if err != nil || last {
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
				<-begun
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
	apps, list := openShared(t, ordersYAML+"backlog: {max_batches: 1}\n", 2)
	a := apps[0]
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
	apps, list := openShared(t, ordersYAML, 2)
	a := apps[0]
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

// connect makes a process use a Temporal server that it shares with others, with workers for some roles.
func (a *App) connect(t *testing.T, server *temporal.Server, roles ...role.Role) {
	t.Helper()
	a.runner = flow.NewSharedRunner(server.Client(), a.log)
	workers := flow.NewWorkers(server.Client(), observedSteps{a}, roles, flow.Limits{Steps: 2, StopTimeout: flow.SharedStopTimeout}, "")
	if err := workers.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(workers.Stop)
}

// TestProcessesShareWorkflows has one process run a pipeline whose steps two others execute: it reports their progress and the published
// runs. Then one follows, and folds a batch that another has sealed.
func TestProcessesShareWorkflows(t *testing.T) {
	t.Parallel()
	apps, _ := openShared(t, ordersYAML+"backlog: {max_batches: 1}\n", 3)
	server, err := temporal.Start(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	apps[0].connect(t, server)
	apps[1].connect(t, server, role.Reconcile)
	apps[2].connect(t, server, role.Index, role.API)
	published := make(chan uint64, 9)
	apps[1].hooks.OnPublished = func(r runs.Run) { published <- r.Run }
	pay(t, apps[0], "1 a 10.00")
	pay(t, apps[0], "2 b 20.00")
	var reported []Progress
	done, err := apps[0].Run(t.Context(), []string{"orders"}, func(p Progress) { reported = append(reported, p) })
	if err != nil || len(done) != 2 {
		t.Fatalf("%d runs, %v", len(done), err)
	}
	if len(reported) < 2 || !slices.ContainsFunc(reported, func(p Progress) bool { return p.Backlog == 2 && !p.Done && p.Events == 1 }) {
		t.Errorf("reported %+v", reported)
	}
	for want := range uint64(2) {
		if run := <-published; run != want+1 {
			t.Errorf("the process that publishes reports run %d, want %d", run, want+1)
		}
	}
	stop, err := apps[1].startFollowers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pay(t, apps[0], "3 a 1.00") // which wakes nobody by itself
	select {
	case <-published:
	case <-time.After(30 * time.Second): // the workflow itself looks every minute
		t.Error("a batch that another process sealed is not folded")
	}
	made, err := apps[0].Rebuild(t.Context(), "orders")
	if err != nil || made.DigestBefore != made.DigestAfter || made.Rows != 2 {
		t.Errorf("rebuild beside a follower: %+v, %v", made, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	checkComplete(t, apps[2], 3)
}

// hookIndex is an index that calls before once, before it is read.
type hookIndex struct {
	artifact.Index
	before func()
}

func (h *hookIndex) hook() {
	if before := h.before; before != nil {
		h.before = nil
		before()
	}
}

func (h *hookIndex) History(ctx context.Context, space artifact.Space, asOf uint64, key []byte, each func(artifact.Entry) error) error {
	h.hook()
	return h.Index.History(ctx, space, asOf, key, each)
}

func (h *hookIndex) Scan(ctx context.Context, space artifact.Space, asOf uint64, each func(artifact.Entry) error) error {
	h.hook()
	return h.Index.Scan(ctx, space, asOf, each)
}

func (h *hookIndex) Loads(ctx context.Context, space artifact.Space, each func(run uint64, entries int64) error) error {
	h.hook()
	return h.Index.Loads(ctx, space, each)
}

// TestQueriesStartAgain replaces and removes the generation that a query has a snapshot of, before it reads the index or while it gives
// its results.
func TestQueriesStartAgain(t *testing.T) {
	t.Parallel()
	apps, list := openShared(t, ordersYAML+"exceptions: {where: \"paid > 0\"}\n", 2)
	now := time.Now()
	list[0].Now = func() time.Time { return now }
	pay(t, apps[0], "1 a 10.00", "2 b 20.00")
	if err := list[0].drain(t.Context(), "orders", false); err != nil {
		t.Fatal(err)
	}
	replace := func() {
		_, err := list[0].rebuilder.Rebuild(t.Context(), "orders", func(ctx context.Context) error { return list[0].drain(ctx, "orders", true) })
		now = now.Add(11 * time.Minute)
		if err = errors.Join(err, list[0].rebuilder.Sweep(t.Context())); err != nil {
			t.Error(err)
		}
	}
	index := &hookIndex{Index: apps[1].index}
	reader := query.New(apps[1].Engine.WithIndex(index))
	for name, read := range map[string]func() error{
		"get": func() error {
			got, err := reader.Get(t.Context(), "orders", "b", 0, true)
			if err == nil && string(got.Artifact) != `{"paid":"20.00","last":"2"}` {
				err = fmt.Errorf("got %s", got.Artifact)
			}
			return err
		},
		"export": func() error {
			got, err := reader.Export(t.Context(), "orders", io.Discard)
			if err == nil && got.Rows != 2 {
				err = fmt.Errorf("%d rows", got.Rows)
			}
			return err
		},
		"exceptions": func() error {
			return reader.Exceptions(t.Context(), "orders", nil, func(query.Exception) error { return nil })
		},
		"trace": func() error {
			_, err := reader.Trace(t.Context(), "orders", "a", func(query.TracedEvent) error { return nil })
			return err
		},
	} {
		for range 2 { // with the index checked before, and with it to be checked
			index.before = replace
			if err := read(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if index.before != nil {
				t.Errorf("%s does not read the index", name)
			}
		}
	}
	err := reader.Artifacts(t.Context(), "orders", func([]column.Vector) error {
		replace()
		return fs.ErrNotExist
	})
	if failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "was replaced by a rebuild while it was read") {
		t.Errorf("a query that has given results: %v", err)
	}
	if _, err := reader.Get(t.Context(), "orders", "c", 0, false); !errors.As(err, new(*reconcile.NotFoundError)) {
		t.Errorf("an unknown key: %v", err)
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
