// Tests of processes whose project folders differ.

package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/column"
	"bursar/internal/event/live"
	"bursar/internal/failure"
	"bursar/internal/job/flow"
	"bursar/internal/project"
	"bursar/internal/reconcile/runs"
	"bursar/internal/role"
	"bursar/internal/temporal"
)

// largeYAML is the pipeline orders with the number of its payments above a limit.
func largeYAML(limit string) string {
	return strings.Replace(ordersYAML, "paid: {sum: amount}", "paid: {sum: amount}\n  large: {sum: amount, where: \"amount > "+limit+"\"}", 1)
}

// openDiffering opens a project by two processes: the pipeline of the second folder was changed.
func openDiffering(t *testing.T) (older, newer *App) {
	t.Helper()
	apps, _ := openFolders(t, largeYAML("10"), largeYAML("100"))
	for i, a := range apps {
		a.shared.process.ID = []string{"older-1", "newer-2"}[i]
		a.shared.members = func(context.Context) ([]pgcatalog.Member, error) { return nil, nil }
	}
	pay(t, apps[1], "1 a 50.00", "2 a 150.00", "3 b 20.00")
	return apps[0], apps[1]
}

func checkLarge(t *testing.T, a *App) {
	t.Helper()
	r, err := a.Queries.Get(t.Context(), "orders", "a", 0, false)
	if err != nil || !strings.Contains(string(r.Artifact), `"large":"150.00"`) {
		t.Errorf("the artifact is %s (%v)", r.Artifact, err)
	}
}

// isDeclined reports whether an error is that of a process that leaves the work to others.
func isDeclined(err error) bool {
	return failure.Of(err) == failure.Transient && failure.ExitCode(err) == 1 && temporal.WasDeclined(temporal.ActivityError(err)) &&
		strings.Contains(temporal.ActivityError(err).Error(), "process older-1: ") && strings.Contains(err.Error(), sameFolder)
}

// TestOtherDefinitionsDeclineSteps has a process with another definition of a pipeline take each step of a run: it declines all of them.
func TestOtherDefinitionsDeclineSteps(t *testing.T) {
	t.Parallel()
	older, newer := openDiffering(t)
	next, err := newer.Steps.Next(t.Context(), "orders", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (observedSteps{older}).Next(t.Context(), "orders", 0, false); !isDeclined(err) {
		t.Errorf("the next run: %v", err)
	}
	for _, step := range runs.StepNames {
		if _, err := (observedSteps{older}).Step(t.Context(), next.Ref, step); !isDeclined(err) || !errors.As(err, new(*runs.ChangedError)) {
			t.Errorf("%s: %v", step, err)
		}
		if _, err := (observedSteps{older}).Partition(t.Context(), next.Ref, step, 0); step.Partitioned() && !isDeclined(err) {
			t.Errorf("%s of a partition: %v", step, err)
		}
		if _, err := newer.Steps.Step(t.Context(), next.Ref, step); err != nil {
			t.Fatal(err)
		}
	}
	checkLarge(t, newer)
}

// TestOtherDefinitionsServe rebuilds and runs a pipeline with a changed definition while a process with the old one executes steps, too.
func TestOtherDefinitionsServe(t *testing.T) {
	t.Parallel()
	older, newer := openDiffering(t)
	server, err := temporal.Start(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	older.connect(t, server, role.All()...)
	newer.connect(t, server)
	if _, err := older.Run(t.Context(), []string{"orders"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := newer.Run(t.Context(), []string{"orders"}, nil); !errors.As(err, new(*runs.ChangedError)) || failure.Of(err) != failure.Data {
		t.Errorf("run with another definition: %v", err)
	}
	newer.connect(t, server, role.All()...)
	if _, err := newer.Rebuild(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	checkLarge(t, newer)
	pay(t, newer, "4 b 7.00")
	if published, err := newer.Run(t.Context(), []string{"orders"}, nil); err != nil || len(published) != 1 {
		t.Fatalf("%d runs, %v", len(published), err)
	}
	checkLarge(t, newer)
}

// TestUnknownPipelineIsDeclined has a process execute steps of a pipeline and of a stream that only other folders declare so.
func TestUnknownPipelineIsDeclined(t *testing.T) {
	t.Parallel()
	older, newer := openDiffering(t)
	if _, err := (observedSteps{older}).Next(t.Context(), "added_later", 0, false); !isDeclined(err) {
		t.Errorf("an unknown pipeline: %v", err)
	}
	s := newer.Project.Stream("payments")
	s.Columns = append(s.Columns, project.Column{Name: "note", From: []string{"note"}, Type: column.Type{Kind: column.String}, Optional: true})
	pay(t, newer, "4 a 1.00")
	if _, err := (observedSteps{older}).Next(t.Context(), "orders", 0, false); !isDeclined(err) {
		t.Errorf("an older stream: %v", err)
	}
	if err := older.StartTemporal(t.Context()); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), sameFolder) {
		t.Errorf("a command: %v", err)
	}
	older.shared.members = nil
	if _, err := (observedSteps{older}).Next(t.Context(), "orders", 0, false); failure.Of(err) != failure.Data {
		t.Errorf("where one process uses the project: %v", err)
	}
}

// TestChangedWhileRunning changes a pipeline while a run is planned and not published: the next process does not continue it by the new definition.
func TestChangedWhileRunning(t *testing.T) {
	t.Parallel()
	before, after := openDiffering(t)
	next, err := before.Steps.Next(t.Context(), "orders", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := after.Steps.Step(t.Context(), next.Ref, runs.StepReduce); !errors.As(err, new(*runs.ChangedError)) || failure.Of(err) != failure.Data {
		t.Errorf("reduce: %v", err)
	}
}

// TestCatalogIsNotTheFolder checks that a catalog which cannot be read is not taken for a folder that differs.
func TestCatalogIsNotTheFolder(t *testing.T) {
	t.Parallel()
	_, a := openDiffering(t)
	denied := failure.Wrap(failure.Data, errors.New("permission denied"))
	a.Events.Catalog = &unreadableCatalog{a.Events.Catalog, denied}
	if err := a.checkDeclarations(t.Context()); !errors.Is(err, denied) || strings.Contains(err.Error(), "folder") {
		t.Errorf("check the declarations: %v", err)
	}
	if err := (streamOwner{a}).checkOwn(t.Context(), "payments"); !errors.Is(err, denied) || strings.Contains(err.Error(), "folder") {
		t.Errorf("own a stream: %v", err)
	}
}

type unreadableCatalog struct {
	catalog.Catalog
	err error
}

func (c *unreadableCatalog) View(context.Context, func(catalog.Tx) error) error { return c.err }

// TestRequestWhileTheCatalogHangs sends events while the database accepts connections and does not answer: the request fails in time, and its error
// names no server.
func TestRequestWhileTheCatalogHangs(t *testing.T) {
	t.Parallel()
	a, _ := openDiffering(t) // the other one owns the stream
	a.shared.watch = func(context.Context, string) <-chan struct{} { return nil }
	a.Events.Catalog = &hangingCatalog{a.Events.Catalog}
	began := time.Now()
	_, err := a.acceptAnywhere(t.Context(), "payments", live.Request{Body: []byte("{}")})
	if failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "the catalog does not answer") || time.Since(began) > ownerWait+5*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

// hangingCatalog answers nothing before the context of a transaction ends.
type hangingCatalog struct{ catalog.Catalog }

func (c *hangingCatalog) View(ctx context.Context, _ func(catalog.Tx) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestRebuildWithOtherDefinitionsKeepsWhatIsPublished publishes a batch by the old definition while a rebuild by another one is almost complete: after
// the switch its events are still there.
func TestRebuildWithOtherDefinitionsKeepsWhatIsPublished(t *testing.T) {
	t.Parallel()
	older, newer := openDiffering(t)
	runAll(t, older, "orders")
	passes := 0
	_, err := newer.Rebuilder.Rebuild(t.Context(), "orders", func(ctx context.Context) error {
		passes++
		for {
			next, err := newer.Steps.Next(ctx, "orders", 0, true)
			if err != nil || !next.Backlog {
				break
			}
			for _, step := range runs.StepNames {
				if _, err := newer.Steps.Step(ctx, next.Ref, step); err != nil {
					return err
				}
			}
		}
		if passes == 1 {
			pay(t, newer, "4 z 5.00")
			runAll(t, older, "orders")
		}
		return nil
	})
	if err != nil || passes < 2 {
		t.Fatalf("after %d passes: %v", passes, err)
	}
	if r, err := newer.Queries.Get(t.Context(), "orders", "z", 0, false); err != nil || !strings.Contains(string(r.Artifact), `"paid":"5.00"`) {
		t.Errorf("the artifact is %s, %v", r.Artifact, err)
	}
	checkLarge(t, newer)
}

// TestOtherFoldersDeclineSlots: a process whose folder lacks a job leaves the steps of its slots to others; one that has the project to itself
// ends them.
func TestOtherFoldersDeclineSlots(t *testing.T) {
	t.Parallel()
	a := openJobs(t, map[string]string{"calls": "task: {exec: [\"true\"]}\n"}, nil)
	j := a.Project.Job("calls")
	ref, err := a.slots().RunNow(t.Context(), a.Project.Jobs, j, time.Time{}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	a.Project.Jobs = nil
	steps := func() []error {
		_, divided := (jobSteps{a}).Divide(t.Context(), ref)
		_, executed := (jobSteps{a}).Execute(t.Context(), ref, 0, flow.Handling{})
		return []error{divided, executed}
	}
	for _, err := range steps() {
		if failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "job calls is not declared") {
			t.Errorf("alone: %v", err)
		}
	}
	a.shared.process.ID = "older-1"
	a.shared.members = func(context.Context) ([]pgcatalog.Member, error) { return nil, nil }
	for _, err := range steps() {
		if !isDeclined(err) || !strings.Contains(err.Error(), "job calls is not in its project folder") {
			t.Errorf("beside others: %v", err)
		}
	}
}
