// Tables of the warehouse, compared with a naive model after random work on a project.

package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/event/retract"
	"bursar/internal/failure"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/publish"
)

// forEachWarehouse calls test with a project of one stream and one pipeline for each kind of warehouse.
func forEachWarehouse(t *testing.T, test func(t *testing.T, a *App)) {
	t.Parallel()
	t.Run("duckdb", func(t *testing.T) {
		t.Parallel()
		test(t, openSmall(t, ordersYAML+"history: true\n"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := postgrestest.URL(t)
		a := openSmall(t, ordersYAML+"history: true\n")
		a.Project.Config.Warehouse.Kind, a.Project.Config.Warehouse.URL = "postgres", url
		test(t, a)
	})
}

// publisher returns the publisher of a project, with transactions of few rows.
func publisher(t *testing.T, a *App) *publish.Publisher {
	t.Helper()
	p, err := a.Publisher(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.GroupRows = 5
	return p
}

// publishAll publishes until nothing is missing.
func publishAll(t *testing.T, a *App) (done []publish.Result) {
	t.Helper()
	p := publisher(t, a)
	for rounds := 0; ; rounds++ {
		behind, err := p.Behind(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(behind) == 0 {
			return done
		}
		if rounds == 1000 {
			t.Fatalf("%v are still behind", behind)
		}
		result, err := p.Publish(t.Context(), behind[0])
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, result)
	}
}

// ask returns the rows of a query, values separated by bars.
func ask(t *testing.T, a *App, sql string) (lines []string) {
	t.Helper()
	db, err := a.Warehouse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return askIn(t, db, sql)
}

func askIn(t *testing.T, db warehouse.Database, sql string) (lines []string) {
	t.Helper()
	err := db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		lines = nil
		return r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
			for i := range rows[0].Len() {
				var values []string
				for c := range rows {
					values = append(values, string(rows[c].AppendPlain(nil, i)))
				}
				lines = append(lines, strings.Join(values, "|"))
			}
			return nil
		})
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return lines
}

func changeWarehouse(t *testing.T, a *App, statements ...string) {
	t.Helper()
	db, err := a.Warehouse(t.Context())
	if err == nil {
		err = db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
			for _, sql := range statements {
				if _, err := tx.Exec(ctx, sql); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wantAnswer(t *testing.T, a *App, sql string, want ...string) {
	t.Helper()
	if got := ask(t, a, sql); !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", sql, got, want)
	}
}

// payment is an event of the model.
type payment struct {
	batch  uint64
	order  string
	amount int64 // cents
}

// model is what the tables should have.
type model struct {
	payments  map[string]payment // by id
	batches   uint64
	retracted map[uint64]bool // batches
}

// events are the lines of the stream's table.
func (m *model) events() (lines []string) {
	for id, p := range m.payments {
		if !m.retracted[p.batch] {
			lines = append(lines, fmt.Sprintf("%s|%s|%s|%d", id, p.order, cents(p.amount), p.batch))
		}
	}
	slices.Sort(lines)
	return lines
}

// artifacts are the lines of the pipeline's table if it includes the batches up to one.
func (m *model) artifacts(through uint64) (lines []string) {
	paid, last := map[string]int64{}, map[string]string{}
	for id, p := range m.payments {
		if p.batch <= through && !m.retracted[p.batch] {
			paid[p.order] += p.amount
			last[p.order] = max(last[p.order], id)
		}
	}
	for _, order := range slices.Sorted(maps.Keys(paid)) {
		lines = append(lines, fmt.Sprintf("%s|%s|%s", order, cents(paid[order]), last[order]))
	}
	return lines
}

// TestPublish ingests, runs, retracts, restores, rebuilds and publishes at random, and compares the tables with the model.
func TestPublish(t *testing.T) {
	seed := uint64(time.Now().UnixNano() % 100000)
	if s := os.Getenv("SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("SEED=%d", seed)
	forEachWarehouse(t, func(t *testing.T, a *App) {
		random := rand.New(rand.NewPCG(seed, 1))
		m := &model{payments: map[string]payment{}, retracted: map[uint64]bool{}}
		included := uint64(0)
		for range 40 {
			switch random.IntN(8) {
			case 0, 1, 2:
				m.pay(t, a, random)
			case 3, 4:
				runAll(t, a, "orders")
				included = m.batches
			case 5:
				if m.retract(t, a, random) {
					included = rebuiltThrough(t, a, m, included)
				}
			case 6:
				if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
					t.Fatal(err)
				}
				included = m.batches
			case 7:
				publishAll(t, a)
				wantAnswer(t, a, `SELECT id, "order", amount, _batch FROM events_payments ORDER BY id`, m.events()...)
				wantAnswer(t, a, `SELECT "order", paid, last FROM orders ORDER BY "order"`, m.artifacts(included)...)
				checkHistory(t, a)
			}
		}
		publishAll(t, a)
		wantAnswer(t, a, `SELECT id, "order", amount, _batch FROM events_payments ORDER BY id`, m.events()...)
		wantAnswer(t, a, `SELECT "order", paid, last FROM orders ORDER BY "order"`, m.artifacts(included)...)
		checkHistory(t, a)
		checkVerified(t, a)
		wantAnswer(t, a, `SELECT count(*) FROM orders o LEFT JOIN bursar_runs r ON r.run = o._run AND r.pipeline = 'orders' WHERE r.run IS NULL`, "0")
	})
}

// checkHistory compares the history of the pipeline with what queries answer, and checks that each version ends when the next one begins.
func checkHistory(t *testing.T, a *App) {
	t.Helper()
	var want []string
	for _, order := range ask(t, a, `SELECT "order" FROM orders ORDER BY 1`) {
		found, err := a.Queries.Get(t.Context(), "orders", order, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range found.History {
			want = append(want, fmt.Sprintf("%s|%d|%s", order, v.Run, v.Artifact))
		}
	}
	got := ask(t, a, `SELECT "order", _run, paid, last FROM orders_history ORDER BY "order", _run DESC`)
	for i := range got {
		v := strings.Split(got[i], "|")
		got[i] = fmt.Sprintf(`%s|%s|{"paid":"%s","last":"%s"}`, v[0], v[1], v[2], v[3])
	}
	if !slices.Equal(got, want) {
		t.Errorf("history:\n got %q\nwant %q", got, want)
	}
	wantAnswer(t, a, `SELECT "order", _run, paid, last FROM orders_history WHERE valid_to IS NULL ORDER BY 1`, ask(t, a, `SELECT "order", _run, paid, last FROM orders ORDER BY 1`)...)
	wantAnswer(t, a, `SELECT count(*) FROM (SELECT valid_to, lead(valid_from) OVER (PARTITION BY "order" ORDER BY _run) AS next FROM orders_history) AS h
		WHERE valid_to <> next OR (valid_to IS NULL) <> (next IS NULL)`, "0")
}

func (m *model) pay(t *testing.T, a *App, random *rand.Rand) {
	m.batches++
	var lines []string
	for range 1 + random.IntN(6) {
		id := fmt.Sprintf("p%04d", len(m.payments))
		p := payment{batch: m.batches, order: string(rune('a' + random.IntN(9))), amount: random.Int64N(20000) - 10000}
		m.payments[id] = p
		lines = append(lines, fmt.Sprintf("%s %s %s", id, p.order, cents(p.amount)))
	}
	pay(t, a, lines...)
}

// retract retracts a batch, or restores one.
func (m *model) retract(t *testing.T, a *App, random *rand.Rand) bool {
	if m.batches == 0 {
		return false
	}
	batch := 1 + random.Uint64N(m.batches)
	m.retracted[batch] = !m.retracted[batch]
	s := a.Project.Stream("payments")
	_, err := exclusively(t.Context(), a, s, func(ctx context.Context, st *event.Store) (retract.Retracted, error) {
		return retract.Retract(ctx, st, s, retract.Options{Batch: batch, Undo: !m.retracted[batch], Reason: "a test"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return true
}

// rebuiltThrough rebuilds the pipeline if a retraction has made it outdated, and returns the last batch that it includes then.
func rebuiltThrough(t *testing.T, a *App, m *model, included uint64) uint64 {
	t.Helper()
	outdated, err := a.Queries.Retracted(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if !outdated {
		return included
	}
	if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
		t.Fatal(err)
	}
	return m.batches
}

// TestPublishAfterChangesByHand changes tables by hand: one that is gone is made again, one that has changed is refused.
func TestPublishAfterChangesByHand(t *testing.T) {
	forEachWarehouse(t, func(t *testing.T, a *App) {
		pay(t, a, "1 a 10.00", "2 b 20.00")
		runAll(t, a, "orders")
		publishAll(t, a)
		changeWarehouse(t, a, "DROP TABLE orders", "DROP TABLE events_payments")
		publishAll(t, a) // though nothing was received
		wantAnswer(t, a, "SELECT count(*), (SELECT count(*) FROM orders) FROM events_payments", "2|2")
		changeWarehouse(t, a, "DROP TABLE orders", "DROP TABLE events_payments")
		pay(t, a, "3 a 1.50")
		runAll(t, a, "orders")
		publishAll(t, a)
		wantAnswer(t, a, `SELECT "order", paid, _run FROM orders ORDER BY 1`, "a|11.50|2", "b|20.00|1")
		wantAnswer(t, a, `SELECT id, amount, _batch FROM events_payments ORDER BY 1`, "1|10.00|1", "2|20.00|1", "3|1.50|2")

		changeWarehouse(t, a, "ALTER TABLE orders RENAME COLUMN paid TO payed", "ALTER TABLE events_payments ADD COLUMN remark INTEGER")
		p := publisher(t, a)
		wantVerdict := func(broken bool) {
			t.Helper()
			list, err := p.Status(t.Context())
			if err != nil || (list[1].Broken > 0) != broken {
				t.Errorf("status %+v, %v", list, err)
			}
		}
		if _, err := p.Verify(t.Context(), "orders"); err == nil || !strings.Contains(err.Error(), "column paid of table orders is missing") {
			t.Errorf("verified: %v", err)
		}
		wantVerdict(true)
		pay(t, a, "4 c 2.00")
		runAll(t, a, "orders")
		if _, err := p.Publish(t.Context(), "events_payments"); err != nil {
			t.Errorf("a table with a column more: %v", err)
		}
		_, err := p.Publish(t.Context(), "orders")
		if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "column paid of table orders is missing in the warehouse") {
			t.Errorf("a table without a column: %v", err)
		}
		if _, err := p.Again(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		wantVerdict(false)
		publishAll(t, a)
		wantAnswer(t, a, `SELECT "order", paid FROM orders ORDER BY 1`, "a|11.50", "b|20.00", "c|2.00")

		changeWarehouse(t, a, `DELETE FROM orders WHERE "order" = 'c'`)
		pay(t, a, "5 c 2.00")
		runAll(t, a, "orders")
		if _, err = p.Publish(t.Context(), "orders"); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "somebody has changed the table") {
			t.Errorf("a table without a row: %v", err)
		}
		if _, err := p.Again(t.Context(), "orders"); err != nil {
			t.Error(err)
		}
		checkVerified(t, a)
	})
}

// TestPublishBesideTriggers makes a table again whose trigger changes amounts: the totals of the table itself do not balance, and it stays.
func TestPublishBesideTriggers(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML)
	a.Project.Config.Warehouse.Kind, a.Project.Config.Warehouse.URL = "postgres", postgrestest.URL(t)
	pay(t, a, "1 a 10.00", "2 b 20.00")
	publishAll(t, a)
	changeWarehouse(t, a,
		"CREATE FUNCTION rounded() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.amount = NEW.amount + 1; RETURN NEW; END'",
		"CREATE TRIGGER rounded BEFORE INSERT ON events_payments FOR EACH ROW EXECUTE FUNCTION rounded()")
	p := publisher(t, a)
	if _, err := p.Again(t.Context(), "events_payments"); !errors.As(err, new(*publish.UnbalancedError)) {
		t.Errorf("made again: %v", err)
	}
	wantAnswer(t, a, "SELECT id, amount FROM events_payments ORDER BY 1", "1|10.00", "2|20.00")
	changeWarehouse(t, a, "DROP TRIGGER rounded ON events_payments")
	if _, err := p.Again(t.Context(), "events_payments"); err != nil {
		t.Error(err)
	}
	checkVerified(t, a)
}

// checkVerified verifies all tables.
func checkVerified(t *testing.T, a *App) {
	t.Helper()
	publishAll(t, a)
	p := publisher(t, a)
	tables, err := p.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if v, err := p.Verify(t.Context(), table); err != nil || !v.OK {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

// TestVerifyPublished changes rows by hand: the comparison counts them, and the days are broken until the table is made again.
func TestVerifyPublished(t *testing.T) {
	forEachWarehouse(t, func(t *testing.T, a *App) {
		pay(t, a, "1 a 10.00", "2 b 20.00", "3 c 30.00")
		runAll(t, a, "orders")
		checkVerified(t, a)
		p := publisher(t, a)
		for _, c := range []struct {
			table, sql     string
			missing, other int64
		}{
			{"orders", `UPDATE orders SET paid = 10.01 WHERE "order" = 'a'`, 1, 1},
			{"orders_history", "UPDATE orders_history SET _run = 2", 3, 3},
			{"orders_history", `UPDATE orders_history SET valid_to = valid_from WHERE "order" = 'a'`, 0, 1},
			{"events_payments", "DELETE FROM events_payments WHERE id <> '2'", 2, 0},
			{"events_payments", "INSERT INTO events_payments SELECT * FROM events_payments", 0, 3},
		} {
			changeWarehouse(t, a, c.sql)
			if v, err := p.Verify(t.Context(), c.table); err != nil || v.OK || v.Missing != c.missing || v.Other != c.other || v.Rows != 3 {
				t.Errorf("%s: %+v, %v", c.sql, v, err)
			}
			wantAnswer(t, a, "SELECT broken FROM bursar_tables WHERE table_name = '"+c.table+"'", fmt.Sprint(c.missing+c.other))
			wantWarning(t, a, c.table, true)
			if _, err := p.Again(t.Context(), c.table); err != nil {
				t.Fatal(err)
			}
			wantAnswer(t, a, "SELECT broken FROM bursar_tables WHERE table_name = '"+c.table+"'", "0")
			wantWarning(t, a, c.table, false)
		}
		checkVerified(t, a)
		pay(t, a, "4 a 1.00")
		runAll(t, a, "orders")
		if _, err := p.Verify(t.Context(), "orders"); !errors.As(err, new(*publish.BehindError)) {
			t.Errorf("a table that is behind: %v", err)
		}
	})
}

// wantWarning wants a warning for statements that name a table, also through a view, or none.
func wantWarning(t *testing.T, a *App, table string, want bool) {
	t.Helper()
	db, err := a.Warehouse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changeWarehouse(t, a, "CREATE OR REPLACE VIEW seen AS SELECT 1 AS one FROM "+table)
	for _, sql := range []string{"SELECT * FROM " + table, "SELECT one FROM seen"} {
		texts, err := a.StatementWarnings(t.Context(), db, sql)
		if err != nil || (len(texts) == 1 && strings.Contains(texts[0], "`bursar publish --again "+table+"`")) != want || !want && len(texts) > 0 {
			t.Errorf("%s: %q, %v", sql, texts, err)
		}
	}
	changeWarehouse(t, a, "DROP VIEW seen")
}

// TestPublishAfterRestore puts a project back from a copy, while its warehouse stays: numbers of batches and runs are given again.
func TestPublishAfterRestore(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML+"history: true\n")
	dir, copied := filepath.Dir(a.state), filepath.Join(t.TempDir(), "copy")
	pay(t, a, "1 a 10.00")
	runAll(t, a, "orders")
	publishAll(t, a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(copied, os.DirFS(a.state)); err != nil {
		t.Fatal(err)
	}
	a = reopen(t, a, ordersYAML+"history: true\n")
	pay(t, a, "2 b 20.00")
	runAll(t, a, "orders")
	publishAll(t, a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, ".bursar", "warehouse.duckdb"), filepath.Join(copied, "warehouse.duckdb")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(a.state); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(copied, a.state); err != nil {
		t.Fatal(err)
	}
	a = reopen(t, a, ordersYAML+"history: true\n")
	pay(t, a, "3 c 30.00")
	runAll(t, a, "orders")
	publishAll(t, a)
	wantAnswer(t, a, `SELECT id, amount, _batch FROM events_payments ORDER BY 1`, "1|10.00|1", "3|30.00|2")
	wantAnswer(t, a, `SELECT "order", paid, _run FROM orders ORDER BY 1`, "a|10.00|1", "c|30.00|2")
	checkVerified(t, a)
}

// TestPublishIntoForeignTables refuses tables of somebody else, and of another project.
func TestPublishIntoForeignTables(t *testing.T) {
	forEachWarehouse(t, func(t *testing.T, a *App) {
		changeWarehouse(t, a, "CREATE TABLE orders (a INTEGER)")
		p := publisher(t, a)
		if _, err := p.Publish(t.Context(), "orders"); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "not published by Bursar") {
			t.Errorf("a table of somebody else: %v", err)
		}
		if _, err := p.Verify(t.Context(), "orders"); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "not published by Bursar") {
			t.Errorf("verifying a table of somebody else: %v", err)
		}
		if _, err := p.Verify(t.Context(), "events_payments"); !errors.As(err, new(*publish.BehindError)) {
			t.Errorf("verifying a table that is missing: %v", err)
		}
		if _, err := p.Publish(t.Context(), "events_payments"); err != nil {
			t.Error(err)
		}
		p.ProjectID = "another"
		if _, err := p.Publish(t.Context(), "events_payments"); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "another project") {
			t.Errorf("a table of another project: %v", err)
		}
		if _, err := p.Publish(t.Context(), "nothing"); failure.ExitCode(err) != 3 {
			t.Errorf("an unknown table: %v", err)
		}
	})
}

// TestPublishGrownStream publishes a stream again that has more columns, and wider ones.
func TestPublishGrownStream(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML)
	pay(t, a, "1 a 10.00")
	publishAll(t, a)
	for _, c := range []struct{ from, to, sql, want string }{
		{"totals:", "  note: {type: int, optional: true}\ntotals:", "SELECT id, amount, note FROM events_payments", "1|10.00|"},
		{"type: int,", "type: bigint,", "SELECT id, amount, typeof(note) FROM events_payments", "1|10.00|BIGINT"},
	} {
		dir := filepath.Dir(a.state)
		declared, err := os.ReadFile(filepath.Join(dir, "streams/payments.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		putFile(t, dir, "streams/payments.yaml", strings.Replace(string(declared), c.from, c.to, 1))
		a = reopen(t, a, ordersYAML)
		publishAll(t, a)
		wantAnswer(t, a, c.sql, c.want)
	}
}
