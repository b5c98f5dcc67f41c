// Pipelines with SQL files, from ingest to verify: correct files balance and verify, wrong ones are refused, stop the run, or
// fail verification.

package app

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/verify"
)

const ownOrders = `
pipeline: orders
from: payments
key: order
reduce: orders.reduce.sql
merge: orders.merge.sql
artifact:
  paid: {type: "decimal(38,2)"}
  most: {type: "decimal(38,2)"}
  big: {is: "most > 50"}
conserve: {amount: paid}
`

const ownOrdersReduce = `SELECT "order", sum(amount) AS paid, max(amount) AS most FROM events GROUP BY ALL;
`

const ownOrdersMerge = `
SELECT "order", d.paid + coalesce(s.paid, 0) AS paid, greatest(d.most, s.most) AS most
FROM delta d LEFT JOIN state s USING ("order");
`

func openWithSQLFiles(t *testing.T, reduce, merge string) *App {
	t.Helper()
	return openFiles(t, map[string]string{
		"bursar.yaml": "threads: 1\n", "streams/payments.yaml": paymentsYAML, "pipelines/orders.yaml": ownOrders,
		"pipelines/orders.reduce.sql": reduce, "pipelines/orders.merge.sql": merge,
	})
}

// paySome ingests some batches and works them off in some runs.
func paySome(t *testing.T, a *App, random *rand.Rand) {
	t.Helper()
	for batch := range 6 {
		var lines []string
		for i := range 40 {
			lines = append(lines, fmt.Sprintf("%d k%d %d.%02d", batch*1000+i, random.IntN(9), random.IntN(100), random.IntN(100)))
		}
		pay(t, a, lines...)
		if batch%2 == 1 {
			runAll(t, a, "orders")
		}
	}
}

func TestSQLFiles(t *testing.T) {
	t.Parallel()
	a := openWithSQLFiles(t, ownOrdersReduce, ownOrdersMerge)
	declared := openSmall(t, strings.Replace(ordersYAML, "last: {last: id, by: id}", "most: {max: amount}\n  big: {is: \"most > 50\"}", 1))
	seed := retailSeed(t)
	a.Project.Pipeline("orders").Partitions = 3
	paySome(t, a, rand.New(rand.NewPCG(seed, 3)))
	paySome(t, declared, rand.New(rand.NewPCG(seed, 3)))
	compareLines(t, exportOf(t, a, "orders"), exportOf(t, declared, "orders"))
	proof, err := a.Verifier.Verify(t.Context(), "orders", verify.Options{Sample: 100})
	if err != nil || !proof.OK || !strings.Contains(fmt.Sprint(proof.Checks), "9 artifacts folded from their events in 3 random groupings and orders (seed ") {
		t.Errorf("verify: %+v, %v", proof, err)
	}
	rebuilt, err := rebuildHere(t.Context(), a, "orders")
	if err != nil || rebuilt.DigestBefore != rebuilt.DigestAfter {
		t.Errorf("rebuilt %+v, %v", rebuilt, err)
	}
	events := 0
	for i := range 9 {
		_, err := a.Queries.Trace(t.Context(), "orders", fmt.Sprint("k", i), func(query.TracedEvent) error { events++; return nil })
		if err != nil {
			t.Error(err)
		}
	}
	if events != 240 {
		t.Errorf("the artifacts lead to %d events", events)
	}
}

// TestVerifyFindsOrderSensitiveSQLFiles uses SQL whose result depends on grouping or order of arrival.
func TestVerifyFindsOrderSensitiveSQLFiles(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string][2]string{
		"the last to arrive":    {ownOrdersReduce, strings.Replace(ownOrdersMerge, "greatest(d.most, s.most)", "d.most", 1)},
		"the first of a batch":  {strings.Replace(ownOrdersReduce, "max(amount)", "first(amount)", 1), ownOrdersMerge},
		"how many batches came": {ownOrdersReduce, strings.Replace(ownOrdersMerge, "greatest(d.most, s.most)", "coalesce(s.most, 0) + 1", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := openWithSQLFiles(t, sql[0], sql[1])
			paySome(t, a, rand.New(rand.NewPCG(retailSeed(t), 4)))
			proof, err := a.Verifier.Verify(t.Context(), "orders", verify.Options{Sample: 100})
			if err != nil || proof.OK {
				t.Fatalf("verify: %+v, %v", proof, err)
			}
			last := proof.Checks[len(proof.Checks)-1]
			_, text, _ := strings.Cut(last.Detail, "seed ")
			again := verify.Options{Sample: 100}
			if _, err := fmt.Sscan(text, &again.Seed); err != nil {
				t.Fatalf("no seed in %s: %v", last.Detail, err)
			}
			proof, err = a.Verifier.Verify(t.Context(), "orders", again)
			if sampled := proof.Checks[len(proof.Checks)-1]; err != nil || sampled.OK || !strings.HasPrefix(sampled.Detail, fmt.Sprintf("seed %d: ", again.Seed)) {
				t.Errorf("with the same seed verify says %+v, %v", proof, err)
			}
			if last.Name != "recomputed sample" || last.OK || !strings.Contains(last.Detail, "must not depend on which events come together or first") {
				t.Errorf("verify says %+v", last)
			}
			for _, check := range proof.Checks[:len(proof.Checks)-1] {
				if !check.OK {
					t.Errorf("%s fails: %s", check.Name, check.Detail)
				}
			}
		})
	}
}

// TestSQLFilesThatLoseEventsStopTheRun checks that nothing of the run is visible, and its batches stay in the backlog.
func TestSQLFilesThatLoseEventsStopTheRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reduce, merge string
		step          runs.StepName
		want          string
	}{
		{strings.Replace(ownOrdersReduce, "GROUP", "WHERE \"order\" <> 'a' GROUP", 1), ownOrdersMerge, "reduce", "orders.reduce.sql must give one row for each key that has events: 1 keys have none"},
		{ownOrdersReduce, strings.Replace(ownOrdersMerge, "LEFT JOIN", "JOIN", 1), "merge", "orders.merge.sql must give one row for each key that has a delta: 2 keys have none"},
		{ownOrdersReduce, strings.Replace(ownOrdersMerge, "d.paid +", "0.01 +", 1), "merge", "control totals do not balance at merge: amount should move by 3.00"},
	} {
		a := openWithSQLFiles(t, c.reduce, c.merge)
		pay(t, a, "1 a 1.00", "2 b 2.00")
		var err error
		for _, name := range runs.StepNames {
			if err = tryStep(t, a, name); err != nil {
				if name != c.step {
					t.Errorf("%s stopped, want %s: %v", name, c.step, err)
				}
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || failure.Of(err) != failure.Data {
			t.Errorf("error %v (%v), want %s", err, failure.Of(err), c.want)
		}
		if g, err := a.Queries.Current(t.Context(), "orders"); err != nil || g.Published != 0 {
			t.Errorf("generation %+v, %v", g, err)
		}
	}
}

// TestCheckOfSQLFiles names file and line as `bursar check` prints them.
func TestCheckOfSQLFiles(t *testing.T) {
	t.Parallel()
	const reduce, merge = "pipelines/orders.reduce.sql:", "pipelines/orders.merge.sql:"
	for _, c := range []struct{ reduce, merge, want string }{
		{ownOrdersReduce, ownOrdersMerge, ""},
		{"SELECT \"order\",\n  avg(amount) AS paid, max(amount) AS most FROM events GROUP BY ALL", ownOrdersMerge, reduce + "2: column paid: a binary floating point result is refused"},
		{ownOrdersReduce + "SELECT 1", ownOrdersMerge, reduce + "1: it must be one SELECT statement; these are 2"},
		{"SELECT *\nFROM read_csv('/etc/passwd')", ownOrdersMerge, reduce + "2: table function read_csv() is refused: only events can be read"},
		{"ATTACH 'x.db'", ownOrdersMerge, reduce + "1: it must be one SELECT statement: nothing else is run"},
		{ownOrdersReduce, "SELECT \"order\", paid, most\n\nFROM delta, state_of", merge + "3: table \"state_of\" is refused: only delta and state can be read"},
		{ownOrdersReduce, "SELECT \"order\",\n paid / 2 AS paid, most FROM delta", merge + "2: column paid: a binary floating point result is refused"},
		{ownOrdersReduce, "SELECT \"order\",\n paid * 0.5 AS paid, most FROM delta", merge + "2: column `paid` is decimal(38,3), which does not fit decimal(38,2) exactly"},
		{ownOrdersReduce, "SELECT \"order\", paid,\n  CASE WHEN random() > 0.5 THEN most END AS most FROM delta", merge + "2: function random() is refused"},
		{ownOrdersReduce, "SELECT \"order\", paid, most,\n  _events FROM delta", merge + "2: Binder Error: Referenced column \"_events\" not found"},
		{ownOrdersReduce, "SELECT d.\"order\", d.paid,\n  s.big AS most FROM delta d JOIN state s USING (\"order\")", merge + "2: column `most` is bool, which does not fit decimal(38,2)"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"bursar.yaml": "", "streams/payments.yaml": paymentsYAML, "pipelines/orders.yaml": ownOrders,
			"pipelines/orders.reduce.sql": c.reduce, "pipelines/orders.merge.sql": c.merge,
		} {
			putFile(t, dir, name, text)
		}
		_, err := Check(t.Context(), dir)
		var faults *ProjectError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("refused: %v", err)
		case c.want != "" && (!errors.As(err, &faults) || !strings.HasPrefix(faults.Errors[0].Error(), c.want)):
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}
