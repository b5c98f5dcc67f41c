// How a model becomes a table or a view.

package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/warehouse"
)

// selectSQL returns a model's SELECT with the values of its parameters, in brackets. What stands before it in a statement must have no line
// feed: the lines of the statement are then those of the file.
func (b *build) selectSQL(n *Node, v *values) (string, error) {
	text, err := expand(n.sql, v.literal)
	return "SELECT * FROM (" + text + "\n) AS bursar_rows", err
}

// checkSelect refuses a SELECT that does more than read tables of the warehouse: the run writes, with the rights of its owner.
func (b *build) checkSelect(ctx context.Context, n *Node) error {
	sql, err := expand(n.sql, b.valuesOf(n.Model, nil).literal)
	if err == nil {
		err = b.tx.CheckSelect(ctx, sql)
	}
	return located(n.Model, err)
}

// located gives an error about a model's statement the model's file and the line.
func located(m *project.Model, err error) error {
	var at *warehouse.StatementError
	var value duck.Error
	switch {
	case err == nil, errors.As(err, new(doc.Error)), errors.As(err, new(*ParameterError)):
		return err
	case errors.As(err, &at):
		return fault(m, at.Line, "%s", at.Message)
	case errors.As(err, &value) && value.CausedByValue(): // the value is not shown, because errors are kept in histories (rule 7)
		return fmt.Errorf("%s: %w; `bursar query` shows the value, and where, if it runs the same SELECT", m.File, err)
	}
	return fmt.Errorf("%s: %w", m.File, err)
}

func (b *build) exec(ctx context.Context, format string, args ...any) (rows int64, err error) {
	return b.tx.Exec(ctx, fmt.Sprintf(format, args...))
}

func (b *build) countRows(ctx context.Context, table string) (*int64, error) {
	n, err := countRows(ctx, b.tx, quote(b.db, table))
	return &n, err
}

// countRows counts the rows of a table, or of another term after FROM.
func countRows(ctx context.Context, r warehouse.Reader, from string) (n int64, err error) {
	err = r.Query(ctx, "SELECT count(*) AS n FROM "+from, func(_ []warehouse.Column, rows []column.Vector) error {
		n = rows[0].Ints[0]
		return nil
	})
	return n, err
}

// makeView creates or replaces a view. A view with other columns is dropped first.
func (b *build) makeView(ctx context.Context, n *Node, existing *warehouse.Table) error {
	sql, err := b.selectSQL(n, b.valuesOf(n.Model, nil))
	if err != nil {
		return err
	}
	var columns []warehouse.Column
	err = b.tx.Query(ctx, sql+" LIMIT 0", func(c []warehouse.Column, _ []column.Vector) error {
		columns = c
		return nil
	})
	if err != nil {
		return located(n.Model, err)
	}
	name := quote(b.db, n.Model.Name)
	switch {
	case existing == nil:
	case !existing.View:
		if err = b.dropReaders(ctx, n); err == nil {
			err = b.tx.Drop(ctx, n.Model.Name)
		}
	case !extends(columns, existing.Columns):
		if err = b.dropReaders(ctx, n); err == nil {
			err = b.dropView(ctx, n)
		}
	}
	if err == nil {
		_, err = b.exec(ctx, "CREATE OR REPLACE VIEW %s AS %s", name, sql)
	}
	return located(n.Model, err)
}

// extends reports whether columns begin with others.
func extends(columns, others []warehouse.Column) bool {
	return len(columns) >= len(others) && slices.EqualFunc(columns[:len(others)], others, sameColumn)
}

func sameColumn(a, b warehouse.Column) bool { return a.Name == b.Name && a.SQL == b.SQL }

// makeTable makes a table beside the present one and replaces it.
func (b *build) makeTable(ctx context.Context, n *Node, existing *warehouse.Table) error {
	if err := b.makeNext(ctx, n, b.valuesOf(n.Model, nil)); err != nil {
		return err
	}
	return located(n.Model, b.replace(ctx, n, existing))
}

// nextTable is the table of the rows of this run.
func nextTable(m *project.Model) string { return m.Name + "_bursar_next" }

// makeNext makes the table of the rows of this run.
func (b *build) makeNext(ctx context.Context, n *Node, v *values) error {
	sql, err := b.selectSQL(n, v)
	if err == nil {
		_, err = b.exec(ctx, "CREATE TABLE %s AS %s", quote(b.db, nextTable(n.Model)), sql)
	}
	return located(n.Model, err)
}

// replace puts the rows of this run in the place of a model's table or view.
func (b *build) replace(ctx context.Context, n *Node, existing *warehouse.Table) error {
	if existing != nil {
		next, _, err := b.tx.Table(ctx, nextTable(n.Model))
		if err == nil && (existing.View || !hasAll(next.Columns, existing.Columns)) {
			err = b.dropReaders(ctx, n)
		}
		if err == nil && existing.View {
			err = b.dropView(ctx, n)
		}
		if err != nil {
			return err
		}
	}
	return b.tx.Replace(ctx, n.Model.Name, nextTable(n.Model))
}

// hasAll reports whether columns include others, in any order.
func hasAll(columns, others []warehouse.Column) bool {
	return !slices.ContainsFunc(others, func(c warehouse.Column) bool {
		return !slices.ContainsFunc(columns, func(other warehouse.Column) bool { return sameColumn(c, other) })
	})
}

// dropReaders drops the views among the models that are made after this one and read it, so that its columns may change: they are made
// again in this transaction. Other views that read it stop the run.
func (b *build) dropReaders(ctx context.Context, n *Node) error {
	for _, other := range slices.Backward(b.chosen[slices.Index(b.chosen, n)+1:]) {
		if b.records[other.Model.Name] == nil || !b.graph.uses(other, n) {
			continue
		}
		existing, err := b.existing(ctx, other.Model.Name)
		if err == nil && existing != nil && existing.View {
			err = b.dropView(ctx, other)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *build) dropView(ctx context.Context, n *Node) error {
	if _, err := b.exec(ctx, "DROP VIEW %s", quote(b.db, n.Model.Name)); err != nil {
		return fmt.Errorf("replace view %s: %w; drop what reads it, and create that again after the run", n.Model.Name, err)
	}
	return nil
}

// makeIncremental makes the rows of this run, and puts them in the place of those with the same key.
func (b *build) makeIncremental(ctx context.Context, n *Node, existing *warehouse.Table, made *Made) error {
	last := b.records[n.Model.Name]
	made.Full, made.Reason = b.isFull(n, existing, last)
	if made.Full {
		if err := b.checkRemade(n, made.Reason); err != nil {
			return err
		}
	}
	v := b.valuesOf(n.Model, last)
	if made.Full {
		v = b.valuesOf(n.Model, nil)
	}
	if err := b.makeNext(ctx, n, v); err != nil {
		return err
	}
	next, _, err := b.tx.Table(ctx, nextTable(n.Model))
	if err == nil {
		err = b.checkKey(ctx, n.Model, &next)
	}
	if err != nil {
		return err
	}
	if made.Full {
		b.remade[n.Model.Name] = existing != nil
		if err := b.replace(ctx, n, existing); err != nil {
			return located(n.Model, err)
		}
		return b.tx.Index(ctx, n.Model.Name, n.Model.Key, false)
	}
	made.Changed = last.definition != definitionOf(n.Model)
	return b.merge(ctx, n.Model, existing, &next, made)
}

// isFull reports whether an incremental model is made from the beginning, and why if nobody has asked for it.
func (b *build) isFull(n *Node, existing *warehouse.Table, last *record) (full bool, reason string) {
	switch {
	case existing == nil, b.Full:
		return true, ""
	case existing.View || last.materialize != project.AsIncremental:
		return true, "it was a " + string(last.materialize)
	}
	for _, name := range b.graph.tables(n) {
		earlier, known := last.sources[name]
		if p, ok := b.positions[name]; ok && known && !p.Extends(earlier) {
			return true, "rows of " + name + " were retracted, restored or made again"
		}
	}
	for name := range b.remade {
		if b.remade[name] && b.graph.uses(n, b.graph.Node(name)) {
			return true, "model " + name + " was made from the beginning"
		}
	}
	return false, ""
}

// checkKey refuses rows without a key, and several rows with the same one: only one of them would stay.
func (b *build) checkKey(ctx context.Context, m *project.Model, next *warehouse.Table) error {
	wrong := fmt.Sprintf("(SELECT count(*) AS n FROM %s GROUP BY %s HAVING count(*) > 1 OR %s) AS w",
		quote(b.db, nextTable(m)), warehouse.ExactList(b.db, keyFields(m, next)), eachIs(m.Key, "NULL", " OR "))
	n, err := countRows(ctx, b.tx, wrong)
	if err == nil && n > 0 {
		return fault(m, m.Lines().At("key"), "%d keys (%s) are null or have several rows: each row of an incremental model needs its own key", n, strings.Join(m.Key, ", "))
	}
	return b.keyError(m, err)
}

// keyError is an error about the columns of the key.
func (b *build) keyError(m *project.Model, err error) error {
	var at *warehouse.StatementError
	if errors.As(err, &at) {
		return fault(m, m.Lines().At("key"), "key: %s", at.Message)
	}
	return err
}

// keyFields are the columns of the key. One that the table lacks is an error of the statement that names it.
func keyFields(m *project.Model, next *warehouse.Table) []column.Field {
	fields := make([]column.Field, len(m.Key))
	for i, k := range m.Key {
		fields[i].Name = k
		if c := next.Column(k); c != nil {
			fields[i].Type = c.Type
		}
	}
	return fields
}

// merge replaces the rows with the keys of this run.
func (b *build) merge(ctx context.Context, m *project.Model, existing, next *warehouse.Table, made *Made) error {
	if !hasAll(next.Columns, existing.Columns) || !hasAll(existing.Columns, next.Columns) {
		return fault(m, m.Line, "the columns of incremental model %s are (%s) now, and were (%s): run `bursar model run %[1]s --full`", m.Name, columnsText(next.Columns), columnsText(existing.Columns))
	}
	table, from := quote(b.db, m.Name), quote(b.db, next.Name)
	columns := make([]string, len(next.Columns))
	for i, c := range next.Columns {
		columns[i] = quoteColumn(c.Name)
	}
	replaced, err := b.exec(ctx, "DELETE FROM %s WHERE EXISTS (SELECT 1 FROM %s AS s WHERE %s)", table, from, warehouse.SameSQL(b.db, "s.", table+".", keyFields(m, next)))
	if err != nil {
		return located(m, err)
	}
	added, err := b.exec(ctx, "INSERT INTO %s (%s) SELECT %[2]s FROM %[3]s", table, strings.Join(columns, ", "), from)
	if err != nil {
		return located(m, err)
	}
	added -= replaced
	made.Added, made.Replaced = &added, &replaced
	return b.tx.Drop(ctx, next.Name)
}

func columnsText(columns []warehouse.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name + " " + c.SQL
	}
	return strings.Join(list, ", ")
}
