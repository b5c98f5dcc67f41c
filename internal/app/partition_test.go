// Partitions and late workers: neither changes the artifacts.

package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/failure"
	"bursar/internal/fault"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
)

// payAtRandom ingests batches of random payments over a few keys, and calls between after each.
func payAtRandom(t *testing.T, a *App, batches int, between func(batch int)) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	for batch := range batches {
		var list []string
		for i := range 1 + random.IntN(60) {
			list = append(list, fmt.Sprintf("%d-%d k%d %d.%02d", batch, i, random.IntN(40), random.IntN(900)-300, random.IntN(100)))
		}
		pay(t, a, list...)
		between(batch)
	}
}

func TestPartitionsDoNotChangeTheDigest(t *testing.T) {
	t.Parallel()
	digests := map[string]string{}
	for _, partitions := range []int{1, 2, 8} {
		a := openSmall(t, ordersYAML+fmt.Sprintf("partitions: %d\n", partitions))
		payAtRandom(t, a, 5, func(int) { runAll(t, a, "orders") })
		digests[fmt.Sprint(partitions)] = digestOf(t, a)
		if name, detail := firstFailed(t, a); name != "" {
			t.Errorf("with %d partitions %s fails: %s", partitions, name, detail)
		}
	}
	a := openSmall(t, ordersYAML)
	changing := 0
	payAtRandom(t, a, 5, func(batch int) {
		changing = []int{1, 8, 2, 3, 1}[batch]
		a.Project.Pipeline("orders").Partitions = changing
		runAll(t, a, "orders")
	})
	digests["changing"] = digestOf(t, a)
	for partitions, digest := range digests {
		if digest != digests["1"] {
			t.Errorf("with partitions %s the digest is %s, with 1 it is %s", partitions, digest, digests["1"])
		}
	}
}

// lateIndex is an index whose first Load reads all entries and then blocks until it is released.
type lateIndex struct {
	artifact.Index
	hangs   chan struct{}
	release chan struct{}
}

func (l *lateIndex) Load(ctx context.Context, space artifact.Space, run uint64, next func() (artifact.Entry, bool, error)) error {
	close(l.hangs)
	<-l.release
	return l.Index.Load(ctx, space, run, next)
}

// TestLateIndexWorkerChangesNothing lets a worker hang in the index step while another does its partition and later runs follow.
func TestLateIndexWorkerChangesNothing(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML+"partitions: 2\n")
	pay(t, a, "1 a 10.00", "2 b 20.00", "3 c 30.00", "4 d 1.00")
	next, err := a.Steps.Next(t.Context(), "orders", 0, false)
	if err != nil || !next.Backlog || next.Partitions != 2 {
		t.Fatalf("%+v, %v", next, err)
	}
	for _, name := range []runs.StepName{"reduce", "prefetch", "merge"} {
		if _, err := a.Steps.Step(t.Context(), next.Ref, name); err != nil {
			t.Fatal(err)
		}
	}
	slow := &lateIndex{Index: a.Engine.Index, hangs: make(chan struct{}), release: make(chan struct{})}
	hanging := step.New(&reconcile.Engine{
		Project: a.Engine.Project, Objects: a.Engine.Objects, Catalog: a.Engine.Catalog, Index: slow,
		Duck: a.Engine.Duck, Scratch: a.Engine.Scratch, Workers: 1, Now: a.Engine.Now, Log: a.Engine.Log,
	})
	late := make(chan error, 1)
	go func() {
		_, err := hanging.Partition(context.Background(), next.Ref, "index", 0)
		late <- err
	}()
	<-slow.hangs
	runAll(t, a, "orders") // replaces it, and publishes
	pay(t, a, "5 a 1.00", "6 e 5.00")
	runAll(t, a, "orders")
	before := digestOf(t, a)
	close(slow.release)
	if err := <-late; err != nil {
		t.Fatalf("who comes late fails: %v", err)
	}
	pay(t, a, "7 a -11.00", "8 b 0.01")
	runAll(t, a, "orders")
	answer, err := a.Queries.Get(t.Context(), "orders", "a", 2, false)
	if err != nil || string(answer.Artifact) != `{"paid":"11.00","last":"5"}` {
		t.Errorf("as of the second run %s, %v", answer.Artifact, err)
	}
	if digestOf(t, a) == before {
		t.Error("the third run changed nothing")
	}
	if name, detail := firstFailed(t, a); name != "" {
		t.Errorf("%s fails: %s", name, detail)
	}
	if left := partitionObjectsLeft(t, a); len(left) > 0 {
		t.Errorf("the catalog still keeps shares: %v", left)
	}
}

// failingEngine returns the app's engine on stores that fail by a plan.
func failingEngine(a *App, plan *fault.Plan) *reconcile.Engine {
	e := a.Engine
	return &reconcile.Engine{
		Project: e.Project, Objects: fault.Objects(e.Objects, plan),
		Catalog: fault.Catalog(e.Catalog, plan), Index: fault.Index(e.Index, plan),
		Duck: e.Duck, Scratch: e.Scratch, Workers: 1, Now: e.Now, Log: e.Log,
	}
}

// openThreeBatches opens a project with a backlog of three batches, each of which makes a run.
func openThreeBatches(t *testing.T) *App {
	t.Helper()
	a := openSmall(t, ordersYAML+"partitions: 2\nbacklog: {max_batches: 1}\n")
	payAtRandom(t, a, 3, func(int) {})
	return a
}

// TestRunsInFlightSurviveFailures has three runs in flight, fails one call of the stores, and continues: each time the error
// keeps its class and the artifacts are the same. It tries every 31st call with a random offset; the soak test tries all.
func TestRunsInFlightSurviveFailures(t *testing.T) {
	t.Parallel()
	surviveFailures(t, 31)
}

// TestSoakRunsInFlightSurviveEveryFailure belongs to `make soak`.
func TestSoakRunsInFlightSurviveEveryFailure(t *testing.T) {
	if os.Getenv("SEEDS") == "" {
		t.Skip("runs for minutes: set SEEDS, or use make soak")
	}
	t.Parallel()
	surviveFailures(t, 1)
}

func surviveFailures(t *testing.T, stride int) {
	t.Helper()
	undisturbed := openThreeBatches(t)
	runAll(t, undisturbed, "orders")
	want := digestOf(t, undisturbed)
	classes := []failure.Class{failure.Transient, failure.Throttled, failure.Data, failure.Bug}
	calls := 0
	for n, more := 1+int(retailSeed(t)%uint64(stride)), true; more; n += stride {
		a, plan := openThreeBatches(t), fault.NewPlan()
		class := classes[n/4%4]
		mode := fault.Mode(n % 4)
		plan.FailWith(n, mode, failure.Wrap(class, fault.ErrInjected))
		err := inFlight(t.Context(), step.New(failingEngine(a, plan)), "orders")
		more = plan.Fired()
		classKept := failure.Of(err) == class || mode&fault.Crash != 0 // errors of a dead process have no class
		if more && (err == nil || !classKept) || !more && err != nil {
			t.Fatalf("call %d (%s) fails as %v: %v; the runs say %v, as %v", n, plan.Call(n), class, more, err, failure.Of(err))
		}
		runAll(t, a, "orders")
		if got := digestOf(t, a); got != want {
			t.Fatalf("after a failure at %s the digest is another", plan.Call(n))
		}
		if name, detail := firstFailed(t, a); name != "" {
			t.Fatalf("after a failure at %s, %s fails: %s", plan.Call(n), name, detail)
		}
		calls = plan.Calls()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d calls, one in %d failed in turn", calls, stride)
}

// inFlight carries three runs through each step before any begins the next.
func inFlight(ctx context.Context, e *step.Executor, pipeline string) error {
	var refs []runs.Ref
	for after := uint64(0); after < 3; after++ {
		next, err := e.Next(ctx, pipeline, after, false)
		if err != nil {
			return err
		}
		refs = append(refs, next.Ref)
	}
	for _, step := range runs.StepNames {
		for _, ref := range refs {
			if step.Partitioned() {
				if _, err := e.Partition(ctx, ref, step, 1); err != nil {
					return err
				}
			}
			if _, err := e.Step(ctx, ref, step); err != nil {
				return fmt.Errorf("%s of run %d: %w", step, ref.Run, err)
			}
		}
	}
	return nil
}

func partitionObjectsLeft(t *testing.T, a *App) []string {
	t.Helper()
	return keysOf(t, a, "share/")
}

func TestStepsKeepToTheirLanes(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML+"backlog: {max_batches: 1}\n")
	pay(t, a, "1 a 10.00")
	pay(t, a, "2 a 20.00")
	ref := func(run uint64) runs.Ref {
		return runs.Ref{Pipeline: "orders", Generation: 1, Run: run}
	}
	for after := range uint64(2) {
		if _, err := a.Steps.Next(t.Context(), "orders", after, false); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []runs.StepName{"reduce", "prefetch", "merge", "index", "publish"} {
		_, err := a.Steps.Step(t.Context(), ref(2), step)
		if step.Partitioned() && step == "reduce" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "the run before has not completed this step") {
			t.Errorf("%s overtakes: %v", step, err)
		}
	}
}

// countingIndex counts the calls of Load.
type countingIndex struct {
	artifact.Index
	loads int
}

func (c *countingIndex) Load(ctx context.Context, space artifact.Space, run uint64, next func() (artifact.Entry, bool, error)) error {
	c.loads++
	return c.Index.Load(ctx, space, run, next)
}

// TestIndexIsLoadedOnce checks that the index step does not load a partition that a worker has loaded.
func TestIndexIsLoadedOnce(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 2} {
		a := openSmall(t, ordersYAML+fmt.Sprintf("partitions: %d\n", partitions))
		counting := &countingIndex{Index: a.Engine.Index}
		a.Engine.Index = counting
		pay(t, a, "1 a 10.00", "2 b 20.00", "3 c 1.00")
		for _, name := range []runs.StepName{"reduce", "prefetch", "merge"} {
			if err := tryStep(t, a, name); err != nil {
				t.Fatal(err)
			}
		}
		for p := range partitions {
			if _, err := a.Steps.Partition(t.Context(), runs.Ref{Pipeline: "orders", Generation: 1, Run: 1}, "index", p); err != nil {
				t.Fatal(err)
			}
		}
		runAll(t, a, "orders")
		if counting.loads != partitions {
			t.Errorf("%d partitions are loaded %d times", partitions, counting.loads)
		}
	}
}

// TestStepTakesAsLongAsItsPartitions checks that the recorded time of a step includes that of its partitions.
func TestStepTakesAsLongAsItsPartitions(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML)
	pay(t, a, "1 a 10.00")
	for _, name := range []runs.StepName{"reduce", "prefetch", "merge"} {
		if err := tryStep(t, a, name); err != nil {
			t.Fatal(err)
		}
	}
	now := a.Engine.Now()
	a.Engine.Now = func() time.Time {
		now = now.Add(10 * time.Second)
		return now
	}
	ref := runs.Ref{Pipeline: "orders", Generation: 1, Run: 1}
	share, err := a.Steps.Partition(t.Context(), ref, "index", 0)
	if err != nil || share.Seconds < 10 {
		t.Fatalf("%+v, %v", share, err)
	}
	whole, err := a.Steps.Step(t.Context(), ref, "index")
	if err != nil || whole.Seconds != share.Seconds+10 {
		t.Errorf("step %+v, partition %+v, %v", whole, share, err)
	}
}
