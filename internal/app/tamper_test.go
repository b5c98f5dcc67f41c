// Deliberate damage of every kind to a small project: each is found and named, or stops the run (rule 4).

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
	"bursar/internal/reconcile/verify"
)

const paymentsYAML = `
stream: payments
format: jsonl
id: id
columns:
  id: {type: string}
  order: {type: string}
  amount: {type: "decimal(38,2)"}
totals: {amount: {sum: amount}}
`

const ordersYAML = `
pipeline: orders
from: payments
key: order
artifact:
  paid: {sum: amount}
  last: {last: id, by: id}
conserve: {amount: paid}
`

// openSmall opens a project of one stream and one pipeline.
func openSmall(t *testing.T, pipeline string) *App {
	t.Helper()
	dir := t.TempDir()
	putFile(t, dir, "bursar.yaml", "threads: 1\n")
	putFile(t, dir, "streams/payments.yaml", paymentsYAML)
	putFile(t, dir, "pipelines/orders.yaml", pipeline)
	return openTest(t, dir)
}

func putFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// pay ingests one batch of payments, each given as "id order amount".
func pay(t *testing.T, a *App, payments ...string) {
	t.Helper()
	var text strings.Builder
	for _, p := range payments {
		f := strings.Fields(p)
		fmt.Fprintf(&text, `{"id":%q,"order":%q,"amount":%q}`+"\n", f[0], f[1], f[2])
	}
	result, err := a.Ingest(t.Context(), "payments", []string{putFile(t, t.TempDir(), "in.jsonl", text.String())}, intake.Options{})
	if err != nil || result.Accepted != int64(len(payments)) {
		t.Fatalf("%+v, %v", result, err)
	}
}

// openTwoRuns opens a project with two published runs of one batch each.
func openTwoRuns(t *testing.T) *App {
	t.Helper()
	a := openSmall(t, ordersYAML)
	pay(t, a, "1 a 10.00", "2 b 20.00", "3 c 30.00")
	runAll(t, a, "orders")
	pay(t, a, "4 a 1.00", "5 d -4.00")
	runAll(t, a, "orders")
	return a
}

// firstFailed returns the name and detail of the first failed check, or empty strings.
func firstFailed(t *testing.T, a *App) (name, detail string) {
	t.Helper()
	verified, err := a.Verifier.Verify(t.Context(), "orders", verify.Options{Sample: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range verified.Checks {
		if !c.OK {
			if verified.OK {
				t.Errorf("%s fails, but the result is OK", c.Name)
			}
			return c.Name, c.Detail
		}
	}
	if !verified.OK || len(verified.Checks) == 0 {
		t.Errorf("no check fails, OK is %v", verified.OK)
	}
	return "", ""
}

// partOfOrders returns the name of a run's first part.
func partOfOrders(t *testing.T, a *App, number int) string {
	t.Helper()
	run := runOfOrders(t, a, number)
	return run.Parts()[0].Name
}

func runOfOrders(t *testing.T, a *App, number int) runs.Run {
	t.Helper()
	runs, err := a.Runs(t.Context(), "orders", 1, 0)
	if err != nil || len(runs) < number {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	return runs[number-1]
}

func putRun(t *testing.T, a *App, run runs.Run) {
	t.Helper()
	err := a.Engine.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		return tx.Put(fmt.Sprintf("run/orders/g0001/%08d", run.Run), run)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// flip changes one bit in the middle of an object.
func flip(t *testing.T, a *App, name string) {
	t.Helper()
	in, err := a.Engine.Objects.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	content, err := io.ReadAll(io.NewSectionReader(in, 0, in.Size()))
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 4
	out, err := a.Engine.Objects.Create(t.Context(), name)
	if err == nil {
		_, err = out.Write(content)
	}
	if err == nil {
		err = out.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func batchObject(t *testing.T, a *App) string {
	t.Helper()
	batches, err := event.Batches(t.Context(), a.Engine.Catalog, "payments", 0)
	if err != nil {
		t.Fatal(err)
	}
	return batches[1].Objects[0].Name
}

// swapEntries loads the index of run 1 again with the locations of its first two keys swapped.
func swapEntries(t *testing.T, a *App) {
	t.Helper()
	space := artifact.Space{Pipeline: "orders", Generation: 1}
	var entries []artifact.Entry
	err := a.Engine.Index.Scan(t.Context(), space, 1, func(e artifact.Entry) error {
		e.Key = append([]byte(nil), e.Key...)
		entries = append(entries, e)
		return nil
	})
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	entries[0].Location, entries[1].Location = entries[1].Location, entries[0].Location
	next := 0
	err = a.Engine.Index.Load(t.Context(), space, 1, func() (artifact.Entry, bool, error) {
		if next == len(entries) {
			return artifact.Entry{}, false, nil
		}
		next++
		return entries[next-1], true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		check  string
		want   string
		damage func(t *testing.T, a *App)
	}{
		{"parts", "run 2", func(t *testing.T, a *App) { flip(t, a, partOfOrders(t, a, 2)) }},
		{"parts", "not exist", func(t *testing.T, a *App) {
			if err := a.Engine.Objects.Delete(t.Context(), partOfOrders(t, a, 1)); err != nil {
				t.Fatal(err)
			}
		}},
		{"batch objects", "batch 2", func(t *testing.T, a *App) { flip(t, a, batchObject(t, a)) }},
		{"index", "run 1", swapEntries},
		{"runs", "in two runs", func(t *testing.T, a *App) {
			run := runOfOrders(t, a, 1)
			run.Run = 2
			putRun(t, a, run)
		}},
		{"runs", "in two runs", func(t *testing.T, a *App) {
			run := runOfOrders(t, a, 2)
			run.Run = 3
			putRun(t, a, run)
		}},
		{"runs", "its step merge is not recorded", func(t *testing.T, a *App) {
			run := runOfOrders(t, a, 2)
			delete(run.Steps, "merge")
			putRun(t, a, run)
		}},
		{"run totals", "run 2 changed amount", func(t *testing.T, a *App) {
			run := runOfOrders(t, a, 2)
			run.Totals["amount"][""] = "-3.01"
			putRun(t, a, run)
		}},
		{"run totals", "run 1 folded 4 events", func(t *testing.T, a *App) {
			run := runOfOrders(t, a, 1)
			run.Events++
			putRun(t, a, run)
		}},
	} {
		t.Run(c.check+", "+c.want, func(t *testing.T) {
			t.Parallel()
			a := openTwoRuns(t)
			if name, detail := firstFailed(t, a); name != "" {
				t.Fatalf("before the damage %s fails: %s", name, detail)
			}
			c.damage(t, a)
			if name, detail := firstFailed(t, a); name != c.check || !strings.Contains(detail, c.want) {
				t.Errorf("%q fails: %s; want %q with %q", name, detail, c.check, c.want)
			}
		})
	}
}

// tryStep runs one step of the unfinished run.
func tryStep(t *testing.T, a *App, name runs.StepName) error {
	t.Helper()
	next, err := a.Steps.Next(t.Context(), "orders", 0, false)
	if err != nil || !next.Backlog {
		t.Fatalf("no run: %v", err)
	}
	_, err = a.Steps.Step(t.Context(), next.Ref, name)
	return err
}

func digestOf(t *testing.T, a *App) string {
	t.Helper()
	exported, err := a.Queries.Export(t.Context(), "orders", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return exported.Digest
}

// rewrite replaces the Parquet object that a step of run 2 made by a SELECT over it, and updates its description, so that
// only the control totals can detect it.
func rewrite(t *testing.T, a *App, step runs.StepName, sql string) {
	t.Helper()
	run := runOfOrders(t, a, 2)
	what := &run.Steps[step].Shares[0].Objects[0]
	rewriteFile(t, a, objectPath(a, what.Name), sql)
	described := describe(t, a, what.Name)
	what.Bytes, what.Digest = described.Bytes, described.Digest
	putRun(t, a, run)
}

func rewriteFile(t *testing.T, a *App, path, sql string) {
	t.Helper()
	session, err := duck.Open(a.Engine.Duck)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	own := filepath.Join(a.Engine.Scratch, "rewritten.parquet")
	err = session.Exec(t.Context(), fmt.Sprintf("COPY ("+sql+") TO %s (FORMAT parquet)", "read_parquet("+duck.Literal(path)+")", duck.Literal(own)))
	if err == nil {
		err = os.Rename(own, path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestBreachStopsTheRun adds a cent or an event between two steps: nothing of the run is visible until it balances.
func TestBreachStopsTheRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		total  string
		damage func(t *testing.T, a *App, run runs.Run) (repair func())
	}{
		{"a cent in the delta", "amount", func(t *testing.T, a *App, run runs.Run) func() {
			rewrite(t, a, "reduce", `SELECT * REPLACE (CAST(paid + 0.01 AS DECIMAL(38,2)) AS paid) FROM %s`)
			return func() {}
		}},
		{"an event in the delta", "events", func(t *testing.T, a *App, run runs.Run) func() {
			rewrite(t, a, "reduce", `SELECT * REPLACE (_events + 1 AS _events) FROM %s`)
			return func() {}
		}},
		{"a row lost from delta and state", "events", func(t *testing.T, a *App, run runs.Run) func() {
			rewrite(t, a, "reduce", `SELECT * FROM %s LIMIT 1`)
			rewrite(t, a, "prefetch", `SELECT * FROM %s LIMIT 1`)
			return func() {}
		}},
		{"totals of the run", "amount", func(t *testing.T, a *App, run runs.Run) func() {
			run.Totals["amount"][""] = "-3.01"
			putRun(t, a, run)
			return func() {
				run := runOfOrders(t, a, 2)
				run.Totals["amount"][""] = "-3.00"
				putRun(t, a, run)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := openSmall(t, ordersYAML)
			pay(t, a, "1 a 10.00", "2 b 20.00")
			runAll(t, a, "orders")
			before := digestOf(t, a)
			pay(t, a, "3 a 1.00", "4 d -4.00")
			for _, name := range []runs.StepName{"reduce", "prefetch"} {
				if err := tryStep(t, a, name); err != nil {
					t.Fatal(err)
				}
			}
			repair := c.damage(t, a, runOfOrders(t, a, 2))
			err := tryStep(t, a, "merge")
			var breach *step.Breach
			if !errors.As(err, &breach) || failure.ExitCode(err) != 4 || breach.Total != c.total || breach.Step != "merge" {
				t.Fatalf("merge says %v, want a breach of %s", err, c.total)
			}
			checkUnseen(t, a, before)
			repair()
			if runs := runAll(t, a, "orders"); runs != 1 {
				t.Errorf("%d runs after the breach", runs)
			}
			if name, detail := firstFailed(t, a); name != "" {
				t.Errorf("after the repair %s fails: %s", name, detail)
			}
			answer, err := a.Queries.Get(t.Context(), "orders", "a", 0, false)
			if err != nil || string(answer.Artifact) != `{"paid":"11.00","last":"3"}` {
				t.Errorf("%s, %v", answer.Artifact, err)
			}
		})
	}
}

// checkUnseen checks that readers see only run 1.
func checkUnseen(t *testing.T, a *App, digest string) {
	t.Helper()
	g, err := a.Queries.Current(t.Context(), "orders")
	if err != nil || g.Published != 1 || g.Artifacts != 2 {
		t.Errorf("%d runs and %d artifacts are published, %v", g.Published, g.Artifacts, err)
	}
	if got := digestOf(t, a); got != digest {
		t.Error("an export differs after the breach")
	}
	var none *reconcile.NotFoundError
	if _, err := a.Queries.Get(t.Context(), "orders", "d", 0, true); !errors.As(err, &none) {
		t.Errorf("an artifact of the breached run: %v", err)
	}
	names, err := a.Engine.Objects.List(context.Background(), "pipelines/orders/g0001/parts/")
	if err != nil || len(names) != 1 {
		t.Errorf("parts %v, %v", names, err)
	}
}

// TestSumBeyond38DigitsStops checks that a sum of more than 38 digits stops the run although it fits into 128 bits (rule 2).
func TestSumBeyond38DigitsStops(t *testing.T) {
	t.Parallel()
	large := "6" + strings.Repeat("0", 35) + ".00"
	for _, together := range []bool{true, false} {
		a := openSmall(t, strings.Replace(ordersYAML, "conserve: {amount: paid}", "", 1))
		pay(t, a, "1 a "+large)
		if !together {
			runAll(t, a, "orders")
		}
		pay(t, a, "2 a "+large)
		var err error
		for _, name := range runs.StepNames {
			if err == nil {
				err = tryStep(t, a, name)
			}
		}
		if err == nil || !strings.Contains(err.Error(), "38 digits") && !strings.Contains(err.Error(), "verflow") || failure.Of(err) != failure.Data {
			t.Errorf("in one run %v: %v [%v]", together, err, failure.Of(err))
		}
	}
}
