// Stores that are older than the catalog, emptied or damaged: steps and queries fail without a result and name the remedy, which
// works.

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/reconcile/index"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
)

// reopenChanged closes a project, calls change with its state folder, and opens it again.
func reopenChanged(t *testing.T, a *App, change func(state string)) *App {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	change(a.state)
	b, err := Open(t.Context(), filepath.Dir(a.state), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// mustRefuse checks that err has class Data and names the remedy.
func mustRefuse(t *testing.T, what string, err error, remedy string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), remedy) || failure.Of(err) != failure.Data {
		t.Errorf("%s: %v [%v], want class data and %q", what, err, failure.Of(err), remedy)
	}
}

// refusesAll checks that every query and step that needs the index refuses.
func refusesAll(t *testing.T, a *App, remedy string) {
	t.Helper()
	_, err := a.Queries.Get(t.Context(), "orders", "a", 0, true)
	mustRefuse(t, "get", err, remedy)
	_, err = a.Queries.Export(t.Context(), "orders", discard{})
	mustRefuse(t, "export", err, remedy)
	_, err = a.Queries.Trace(t.Context(), "orders", "a", func(query.TracedEvent) error { return nil })
	mustRefuse(t, "trace", err, remedy)
	pay(t, a, "90 a 100.00", "91 e 1.00") // intake needs no index
	if err := tryStep(t, a, "reduce"); err != nil {
		t.Error(err)
	}
	mustRefuse(t, "prefetch", tryStep(t, a, "prefetch"), remedy)
	if name, _ := firstFailed(t, a); name != "index loads" && name != "index files" {
		t.Errorf("verify fails at %q", name)
	}
	if status, err := a.Queries.Status(t.Context()); err != nil || len(status) != 1 {
		t.Errorf("status: %v", err)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// checkArtifact works off the backlog and checks the artifact of key a.
func checkArtifact(t *testing.T, a *App, want string) {
	t.Helper()
	runAll(t, a, "orders")
	answer, err := a.Queries.Get(t.Context(), "orders", "a", 0, false)
	if err != nil || string(answer.Artifact) != want {
		t.Errorf("%s, %v, want %s", answer.Artifact, err, want)
	}
	if name, detail := firstFailed(t, a); name != "" {
		t.Errorf("%s fails: %s", name, detail)
	}
}

func TestAbsentOrOlderIndexIsNotNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(t *testing.T, state, kept string)
		remedy string
	}{
		{"absent", func(t *testing.T, state, _ string) {
			if err := os.RemoveAll(filepath.Join(state, "index")); err != nil {
				t.Fatal(err)
			}
		}, "bursar repair"},
		{"older", func(t *testing.T, state, kept string) {
			copyFolder(t, filepath.Join(kept, "index"), filepath.Join(state, "index"))
		}, "bursar repair"},
		{"a table truncated", func(t *testing.T, state, _ string) {
			if err := os.Truncate(indexTable(t, state), 100); err != nil {
				t.Fatal(err)
			}
		}, "bursar repair"},
		{"a missing table", func(t *testing.T, state, _ string) {
			if err := os.Remove(indexTable(t, state)); err != nil {
				t.Fatal(err)
			}
		}, "bursar repair"},
		{"a bit of a table", func(t *testing.T, state, _ string) { flipFile(t, indexTable(t, state), 20) }, "bursar repair"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := openSmall(t, ordersYAML)
			pay(t, a, "1 a 10.00", "2 b 20.00", "3 c 30.00")
			runAll(t, a, "orders")
			kept := t.TempDir()
			a = reopenChanged(t, a, func(state string) { copyFolder(t, state, kept) })
			pay(t, a, "4 a 1.00", "5 d -4.00")
			runAll(t, a, "orders")
			a = reopenChanged(t, a, func(state string) { c.change(t, state, kept) })
			refusesAll(t, a, c.remedy)
			if err := a.replaceIndex(); err != nil {
				t.Fatal(err)
			}
			if entries, err := index.Repair(t.Context(), a.Engine, "orders"); err != nil || entries != 5 {
				t.Fatalf("%d entries, %v", entries, err)
			}
			checkArtifact(t, a, `{"paid":"111.00","last":"90"}`)
		})
	}
}

func indexTable(t *testing.T, state string) string {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(state, "index", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	return tables[len(tables)-1]
}

// flipFile changes one bit of a file.
func flipFile(t *testing.T, path string, at int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil {
		content[at%len(content)] ^= 1
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestOlderCatalogBelowANewerIndex restores a catalog from before the last run.
func TestOlderCatalogBelowANewerIndex(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML)
	pay(t, a, "1 a 10.00", "2 b 20.00", "3 c 30.00")
	runAll(t, a, "orders")
	pay(t, a, "4 a 1.00", "5 d -4.00")
	kept := t.TempDir()
	a = reopenChanged(t, a, func(state string) { copyFolder(t, state, kept) })
	runAll(t, a, "orders")
	a = reopenChanged(t, a, func(state string) {
		content, err := os.ReadFile(filepath.Join(kept, "catalog.db"))
		if err == nil {
			err = os.WriteFile(filepath.Join(state, "catalog.db"), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	_, err := a.Queries.Get(t.Context(), "orders", "a", 0, false)
	mustRefuse(t, "get", err, "bursar rebuild orders")
	if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
		t.Fatal(err)
	}
	checkArtifact(t, a, `{"paid":"11.00","last":"4"}`)
}

// indexWithoutLoads is an index that reports no loads before its own first Load, like one of an earlier version.
type indexWithoutLoads struct {
	artifact.Index
	loaded bool
}

func (l *indexWithoutLoads) Load(ctx context.Context, space artifact.Space, run uint64, next func() (artifact.Entry, bool, error)) error {
	l.loaded = true
	return l.Index.Load(ctx, space, run, next)
}

func (l *indexWithoutLoads) Loads(ctx context.Context, space artifact.Space, each func(run uint64, entries int64) error) error {
	if !l.loaded {
		return nil
	}
	return l.Index.Loads(ctx, space, each)
}

// TestIndexOfAnEarlierProgram opens an index without a record of loads: it is accepted if it contains the last run.
func TestIndexOfAnEarlierProgram(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	a.Engine.Index = &indexWithoutLoads{Index: a.index}
	pay(t, a, "90 a 100.00")
	checkArtifact(t, a, `{"paid":"111.00","last":"90"}`)
}

func TestFlippedEventsAreNotFolded(t *testing.T) {
	t.Parallel()
	for _, pipeline := range []string{ordersYAML, strings.Replace(ordersYAML, "conserve: {amount: paid}", "", 1), ordersYAML + "partitions: 2\n"} {
		a := openTwoRuns(t)
		if pipeline != ordersYAML {
			a = reopen(t, a, pipeline)
			if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
				t.Fatal(err)
			}
		}
		pay(t, a, "6 a 1.00", "7 d -4.00")
		batches := objectPath(a, "streams/payments/batches/00000003/events-0-0000.parquet")
		flipFile(t, batches, 40)
		mustRefuse(t, "reduce", tryStep(t, a, "reduce"), "repair --from")
		_, err := rebuildHere(t.Context(), a, "orders")
		mustRefuse(t, "rebuild", err, "repair --from")
		flipFile(t, batches, 40)
		checkArtifact(t, a, `{"paid":"12.00","last":"6"}`)
		flipFile(t, batches, 40)
		_, err = a.Queries.Trace(t.Context(), "orders", "a", func(query.TracedEvent) error { return nil })
		mustRefuse(t, "trace", err, "repair --from")
	}
}

// TestSumsOfEventsAreThoseOfTheBatch rewrites a batch's object and its description, so that only its total differs.
func TestSumsOfEventsAreThoseOfTheBatch(t *testing.T) {
	t.Parallel()
	for _, partitions := range []string{"", "partitions: 3\n"} {
		a := openSmall(t, strings.Replace(ordersYAML, "conserve: {amount: paid}", "", 1)+partitions)
		pay(t, a, "1 a 10.00", "2 b 20.00")
		rewriteBatch(t, a, `SELECT * REPLACE (CAST(amount + 1 AS DECIMAL(38,2)) AS amount) FROM %s`)
		err := tryStep(t, a, "reduce")
		var breach *step.Breach
		if !errors.As(err, &breach) || breach.Step != "reduce" || breach.Total != "amount" || breach.Want != "30.00" || breach.Got != "32.00" {
			t.Errorf("reduce says %v", err)
		}
	}
}

// rewriteBatch replaces the only object of the first batch, and its description in the catalog.
func rewriteBatch(t *testing.T, a *App, sql string) {
	t.Helper()
	name := "streams/payments/batches/00000001/events-0-0000.parquet"
	rewriteFile(t, a, objectPath(a, name), sql)
	putBatchObject(t, a, 1, describe(t, a, name))
}

// TestDamagedDeltaOrStateIsMadeAgain damages the objects of earlier steps of a run in every way: the run starts again.
func TestDamagedDeltaOrStateIsMadeAgain(t *testing.T) {
	t.Parallel()
	damages := map[string]func(t *testing.T, path string){
		"a bit": func(t *testing.T, path string) { flipFile(t, path, 50) },
		"truncated": func(t *testing.T, path string) {
			if err := os.Truncate(path, 10); err != nil {
				t.Fatal(err)
			}
		},
		"gone": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, damage := range damages {
		for _, made := range []struct{ by, before runs.StepName }{{"reduce", "prefetch"}, {"reduce", "merge"}, {"prefetch", "merge"}, {"merge", "index"}} {
			t.Run(name+" of "+string(made.by)+" before "+string(made.before), func(t *testing.T) {
				t.Parallel()
				a := openSmall(t, ordersYAML)
				pay(t, a, "1 a 10.00", "2 b 20.00")
				runAll(t, a, "orders")
				pay(t, a, "3 a 1.00", "4 d -4.00")
				for _, name := range runs.StepNames {
					if name == made.before {
						break
					}
					if err := tryStep(t, a, name); err != nil {
						t.Fatal(err)
					}
				}
				damage(t, objectPath(a, runOfOrders(t, a, 2).Steps[made.by].Shares[0].Objects[0].Name))
				if err := tryStep(t, a, made.before); err == nil || failure.Of(err) != failure.Transient {
					t.Errorf("%s says %v, want a transient error", made.before, err)
				}
				checkArtifact(t, a, `{"paid":"11.00","last":"3"}`)
			})
		}
	}
}

// TestDamagedPartNamesTheRebuild damages a published part.
func TestDamagedPartNamesTheRebuild(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	part := objectPath(a, partOfOrders(t, a, 2))
	if err := os.Truncate(part, 3); err != nil {
		t.Fatal(err)
	}
	a = reopenChanged(t, a, func(string) {})
	_, err := a.Queries.Export(t.Context(), "orders", discard{})
	mustRefuse(t, "export", err, "bursar rebuild orders")
	_, err = a.Queries.Get(t.Context(), "orders", "a", 0, false)
	mustRefuse(t, "get", err, "bursar rebuild orders")
	if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
		t.Fatal(err)
	}
	checkArtifact(t, a, `{"paid":"11.00","last":"4"}`)
}

// TestTotalsDeclaredLater adds and regroups control totals of sealed batches, and conserves them.
func TestTotalsDeclaredLater(t *testing.T) {
	t.Parallel()
	stream := strings.Replace(paymentsYAML, "totals: {amount: {sum: amount}}", "", 1)
	for name, totals := range map[string]string{
		"added":      "totals: {amount: {sum: amount}}",
		"added, by":  "totals: {amount: {sum: amount, by: order}}",
		"some where": "totals: {amount: {sum: amount, where: \"id <> '2'\"}}",
	} {
		for _, before := range []string{"", "totals: {amount: {sum: amount}}", "totals: {amount: {sum: amount, by: id}}"} {
			if before == totals {
				continue
			}
			t.Run(name+" after "+before, func(t *testing.T) {
				t.Parallel()
				after := ordersYAML
				if strings.Contains(totals, "where") {
					after = strings.Replace(after, "conserve: {amount: paid}", "conserve: {amount: partly}", 1)
					after = strings.Replace(after, "  last:", "  partly: {sum: amount, where: \"id <> '2'\"}\n  last:", 1)
				}
				a := openSmall(t, strings.Replace(ordersYAML, "conserve: {amount: paid}", "", 1))
				putFile(t, filepath.Dir(a.state), "streams/payments.yaml", stream+before)
				a = reopenChanged(t, a, func(string) {})
				pay(t, a, "1 a 10.00", "2 b 20.00")
				runAll(t, a, "orders")
				pay(t, a, "3 a 1.00")
				a = reopenChanged(t, a, func(state string) {
					putFile(t, filepath.Dir(state), "streams/payments.yaml", stream+totals)
					putFile(t, filepath.Dir(state), "pipelines/orders.yaml", after)
				})
				if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
					t.Fatal(err)
				}
				pay(t, a, "4 a 2.00")
				runAll(t, a, "orders")
				if name, detail := firstFailed(t, a); name != "" {
					t.Errorf("%s fails: %s", name, detail)
				}
			})
		}
	}
}

// TestArtifactsCountEventsOfAllRuns removes an event from the artifacts in a way that balances within its run.
func TestArtifactsCountEventsOfAllRuns(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	g, err := a.Queries.Current(t.Context(), "orders")
	if err != nil || g.Events == nil || *g.Events != 5 {
		t.Fatalf("%+v, %v", g, err)
	}
	more := *g.Events + 1
	g.Events = &more
	putGeneration(t, a, g)
	_, err = a.Queries.Export(t.Context(), "orders", discard{})
	var missingErr *query.ArtifactTotalsError
	if !errors.As(err, &missingErr) || failure.ExitCode(err) != 4 || !strings.Contains(err.Error(), "6 events") {
		t.Errorf("export says %v", err)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, object.ErrDamaged) {
		t.Error("a loss is not damage")
	}
}

func putGeneration(t *testing.T, a *App, g runs.Generation) {
	t.Helper()
	err := a.Engine.Catalog.Update(t.Context(), func(tx catalog.Tx) error { return tx.Put("generation/orders/g0001", g) })
	if err != nil {
		t.Fatal(err)
	}
}

// describe reads an object and returns its description.
func describe(t *testing.T, a *App, name string) object.Description {
	t.Helper()
	content, err := os.ReadFile(objectPath(a, name))
	if err != nil {
		t.Fatal(err)
	}
	out, err := object.CreateDescribed(t.Context(), a.Engine.Objects, name)
	if err == nil {
		_, err = out.Write(content)
	}
	if err == nil {
		err = out.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Description
}

// putBatchObject replaces the description of an object in a batch of payments.
func putBatchObject(t *testing.T, a *App, batch uint64, d object.Description) {
	t.Helper()
	err := a.Engine.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		b, err := event.GetBatch(tx, "payments", batch)
		if err != nil {
			return err
		}
		d.Rows = b.Objects[0].Rows
		b.Objects[0] = d
		return tx.Put(fmt.Sprintf("batch/payments/%08d", batch), b)
	})
	if err != nil {
		t.Fatal(err)
	}
}
