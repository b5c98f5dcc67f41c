//go:build linux

// Runs of models by processes that are killed at random, while the database is restarted: the models are of one run, and equal to a computation
// over the loaded rows.

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

const (
	modelKills     = 3
	soakModelKills = 50
)

func TestModelRunKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	t.Parallel()
	playModelKilled(t, modelKills)
}

func TestSoakModelKilled(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	playModelKilled(t, soakModelKills)
}

func playModelKilled(t *testing.T, kills int) {
	t.Helper()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := &modelled{disturbed: newDisturbed(t, kind), accounts: map[int]amounts{}}
			m.declare()
			for m.dead < kills {
				m.round()
			}
			t.Logf("%d rows loaded, %d runs, %d of them by processes that were killed, %d restarts", m.rows, m.runs+m.dead, m.dead, m.restarts)
		})
	}
}

// modelled is a project with models of a loaded table, whose runs are killed.
type modelled struct {
	*disturbed
	accounts map[int]amounts // the rows of each
	rows     int
	runs     int // that were left alone
}

// The models of each kind: a table of all rows, one that is added to, and a view of both.
const (
	spentModel = `-- model: spent
-- tests:
--   - unique: account
--   - {balanced: {sum: amount, equals: SELECT sum(amount) FROM sales}}
SELECT account, count(*) AS n, sum(amount) AS amount, :this_run AS made FROM sales GROUP BY account
`
	grownModel = `-- model: grown
-- materialize: incremental
-- key: account
-- tests:
--   - {balanced: {sum: amount, equals: SELECT sum(amount) FROM spent}}
SELECT account, count(*) AS n, sum(amount) AS amount FROM sales
WHERE account IN (SELECT account FROM sales WHERE _load > :after_sales) GROUP BY account
`
	totalModel = `-- model: total
-- materialize: view
SELECT s.account, s.n, s.amount, g.n AS grown_n, g.amount AS grown_amount FROM spent s FULL JOIN grown g ON g.account = s.account
`
	madeModel = "-- model: made\nSELECT made, count(*) AS n FROM spent GROUP BY made\n"
)

func (m *modelled) declare() {
	m.t.Helper()
	file(m.t, m.dir, "warehouse/sales.yaml",
		"load: sales\nfrom: in/\nformat: csv\ncolumns:\n  account: {type: int}\n  amount: {type: \"decimal(18,2)\"}\nstrategy: manifest\n")
	for name, sql := range map[string]string{"spent": spentModel, "grown": grownModel, "total": totalModel, "made": madeModel} {
		file(m.t, m.dir, "warehouse/"+name+".sql", sql)
	}
}

// round loads rows, and runs the models by processes that are killed before the last one. Whatever a killed one has done, the models are of one
// run.
func (m *modelled) round() {
	m.t.Helper()
	m.load()
	for range 3 {
		if m.runs > 0 {
			m.kill(1, "model", "run")
			m.proveOneRun()
		}
	}
	m.finish("model", "run")
	m.runs++
	m.proveOneRun()
	m.prove()
}

// load adds an object of rows to the table.
func (m *modelled) load() {
	m.t.Helper()
	var csv strings.Builder
	csv.WriteString("account,amount\n")
	const rows = 20_000
	first := m.random.IntN(20_000)
	for range rows {
		account, cents := first+m.random.IntN(2000), m.random.IntN(1_000_000)
		was := m.accounts[account]
		m.accounts[account] = amounts{was.rows + 1, was.cents + cents}
		fmt.Fprintf(&csv, "%d,%d.%02d\n", account, cents/100, cents%100)
	}
	file(m.t, m.dir, fmt.Sprintf("in/%d.csv", m.rows), csv.String())
	m.rows += rows
	must(m.t, 0, "load", "--project", m.dir)
}

// proveOneRun checks that the rows of all models are those that one run has made.
func (m *modelled) proveOneRun() {
	m.t.Helper()
	m.selects("SELECT account FROM total WHERE n IS DISTINCT FROM grown_n OR amount IS DISTINCT FROM grown_amount", "")
	m.selects("SELECT count(DISTINCT started) FROM bursar_models", "1\n")
	m.selects("SELECT count(*) FROM made WHERE made = (SELECT max(started) FROM bursar_models) AND n = (SELECT count(*) FROM spent)", "1\n")
	m.selects("SELECT count(*) FROM made", "1\n")
}

// prove compares the models with the rows of the objects.
func (m *modelled) prove() {
	m.t.Helper()
	var want strings.Builder
	for _, account := range slices.Sorted(maps.Keys(m.accounts)) {
		a := m.accounts[account]
		fmt.Fprintf(&want, "%d,%d,%d.%02d\n", account, a.rows, a.cents/100, a.cents%100)
	}
	m.selects("SELECT account, n, amount FROM total ORDER BY account", want.String())
	m.selects("SELECT account, n, amount FROM grown ORDER BY account", want.String())
	must(m.t, 0, "model", "test", "--project", m.dir)
}
