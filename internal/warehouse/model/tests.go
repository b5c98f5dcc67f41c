// Tests of models: queries whose rows are what is wrong.

package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/publish"
)

// The severities of tests.
const (
	severityError = "error"
	severityWarn  = "warn"
)

// shownRows is how many failing rows of a test are shown.
const shownRows = 10

// Test tests the models as they are in the warehouse. A test of severity error that fails is a *TestError.
func (r *Runner) Test(ctx context.Context, o Options) (out Result, err error) {
	began := time.Now()
	_, chosen, err := r.prepare(ctx, o)
	if err != nil {
		return out, err
	}
	db, err := r.Open(ctx)
	if err != nil {
		return out, err
	}
	out = Result{Started: r.Now().UTC(), Models: []Made{}, Tests: []Tested{}}
	err = db.Read(ctx, func(ctx context.Context, from warehouse.Reader) error {
		for _, n := range chosen {
			if _, found, err := from.Table(ctx, n.Model.Name); err != nil || !found {
				if err == nil {
					err = fault(n.Model, n.Model.Line, "model %s was not run yet: run `bursar model run +%[1]s`", n.Model.Name)
				}
				return err
			}
		}
		positions, err := publish.Positions(ctx, from)
		if err != nil {
			return err
		}
		t := tester{Runner: r, db: db, from: from, positions: positions, values: func(m *project.Model) *values {
			return &values{model: m, given: o.Parameters, sqlName: db.Type}
		}}
		out.Tests, err = t.run(ctx, chosen)
		return err
	})
	if err != nil {
		return out, err
	}
	out.Seconds = time.Since(began).Seconds()
	err = failedTests(&out, false)
	return out, err
}

// tester runs tests.
type tester struct {
	*Runner

	db        warehouse.Database
	from      warehouse.Reader
	positions map[string]publish.Position
	values    func(*project.Model) *values
}

func (t *tester) run(ctx context.Context, models []*Node) ([]Tested, error) {
	all := []Tested{}
	for _, n := range models {
		for i := range n.Model.Tests {
			tested, err := t.test(ctx, n, &n.Model.Tests[i])
			if err != nil {
				return nil, err
			}
			all = append(all, tested)
		}
	}
	return all, nil
}

func (t *tester) test(ctx context.Context, n *Node, test *project.ModelTest) (Tested, error) {
	m := n.Model
	out := Tested{Model: m.Name, Test: test.Name, Kind: test.Kind, Severity: severityError, File: m.File, Line: test.Line}
	if test.Warn {
		out.Severity = severityWarn
	}
	sql, err := t.failingSQL(ctx, n, test)
	if err != nil {
		return out, err
	}
	if out.Failures, err = countRows(ctx, t.from, "("+sql+") AS f"); err == nil {
		err = t.rows(ctx, sql, test, &out)
	}
	var at *warehouse.StatementError
	switch {
	case errors.As(err, &at):
		return out, fault(m, test.Line, "test %s: %s", test.Name, at.Message)
	case errors.As(err, new(doc.Error)):
		return out, err
	case err != nil:
		return out, fmt.Errorf("%s:%d: test %s: %w", m.File, test.Line, test.Name, err)
	}
	out.OK = out.Failures == 0
	return out, nil
}

// floats are types whose sums are not exact (rule 2).
var floats = []string{"DOUBLE", "FLOAT", "float8", "float4"}

// rows reads the first failing rows.
func (t *tester) rows(ctx context.Context, sql string, test *project.ModelTest, out *Tested) error {
	out.Columns, out.Rows = nil, nil
	order := " ORDER BY 1"
	if test.Kind == project.NotNull {
		order = "" // not every type has an order
	}
	return t.from.Query(ctx, fmt.Sprintf("SELECT * FROM (%s) AS f%s LIMIT %d", sql, order, shownRows), func(columns []warehouse.Column, rows []column.Vector) error {
		for _, c := range columns {
			if test.Kind == project.Balanced && (c.Name == "actual" || c.Name == "expected") && slices.Contains(floats, c.SQL) {
				return fault(&project.Model{File: out.File}, out.Line, "test %s: a sum of binary floating point is not exact: cast %s to a decimal", out.Test, test.Sum)
			}
		}
		for i := range rows[0].Len() {
			values := make([]*string, len(rows))
			for c := range rows {
				if !rows[c].IsNull(i) {
					text := string(rows[c].AppendPlain(nil, i))
					values[c] = &text
				}
			}
			out.Rows = append(out.Rows, values)
		}
		if len(out.Rows) > 0 {
			out.Columns = out.Columns[:0]
			for _, c := range columns {
				out.Columns = append(out.Columns, c.Name)
			}
		}
		return nil
	})
}

// failingSQL returns the SELECT of what is wrong.
func (t *tester) failingSQL(ctx context.Context, n *Node, test *project.ModelTest) (string, error) {
	table := quote(t.db, n.Model.Name)
	columns := quoteList(test.Columns)
	switch test.Kind {
	case project.NotNull:
		return fmt.Sprintf("SELECT * FROM %s WHERE %s", table, eachIs(test.Columns, "NULL", " OR ")), nil
	case project.Unique:
		return fmt.Sprintf("SELECT %s, count(*) AS row_count FROM %s WHERE %s GROUP BY %[1]s HAVING count(*) > 1", columns, table, eachIs(test.Columns, "NOT NULL", " AND ")), nil
	case project.Accepted:
		return fmt.Sprintf("SELECT %s, count(*) AS row_count FROM %s WHERE %[1]s NOT IN (%[3]s) GROUP BY %[1]s", columns, table, strings.Join(test.Values, ", ")), nil
	}
	if test.Total != "" {
		equals, err := t.totalSQL(ctx, n.Model, test)
		return balancedSQL(table, test, equals), err
	}
	equals, err := expand(n.equals[test], t.values(n.Model).literal)
	if err == nil {
		err = t.from.CheckSelect(ctx, equals)
	}
	if refused := (*warehouse.StatementError)(nil); errors.As(err, &refused) {
		err = fault(n.Model, test.Line, "test %s: %s", test.Name, refused.Message)
	}
	return balancedSQL(table, test, equals), err
}

// balancedSQL returns the groups in which the sum of a model's column differs from what a query returns. A missing group, and null, count as 0.
func balancedSQL(table string, test *project.ModelTest, equals string) string {
	groups, by := "", ""
	if len(test.By) > 0 {
		groups = quoteList(test.By) + ", "
		by = " GROUP BY " + quoteList(test.By)
	}
	return fmt.Sprintf("SELECT %[1]scoalesce(sum(actual), 0) AS actual, coalesce(sum(expected), 0) AS expected FROM ("+
		"SELECT %[1]ssum(%[2]s) AS actual, 0 AS expected FROM %[3]s%[4]s UNION ALL "+
		"SELECT %[1]s0 AS actual, total AS expected FROM (%[5]s\n) AS e (%[1]stotal)) AS u%[4]s HAVING coalesce(sum(actual), 0) <> coalesce(sum(expected), 0)",
		groups, quoteColumn(test.Sum), table, by, equals)
}

func quoteList(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = quoteColumn(name)
	}
	return strings.Join(list, ", ")
}

func eachIs(names []string, what, between string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = quoteColumn(name) + " IS " + what
	}
	return strings.Join(list, between)
}
