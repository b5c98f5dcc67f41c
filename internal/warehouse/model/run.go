// A run: all chosen models and their tests in one transaction of the warehouse.

package model

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/load"
	"bursar/internal/warehouse/publish"
)

// Run makes and tests models, all or none. A test of severity error that fails is a *TestError, and nothing is changed. Whoever gets an error
// after which the outcome is unknown calls it again: the same rows replace each other.
func (r *Runner) Run(ctx context.Context, o Options) (out Result, err error) {
	began := time.Now()
	g, chosen, err := r.prepare(ctx, o)
	if err != nil {
		return out, err
	}
	db, err := r.Open(ctx)
	if err != nil {
		return out, err
	}
	err = db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		b := &build{Runner: r, Options: o, db: db, tx: tx, graph: g, chosen: chosen, began: r.Now().UTC().Truncate(time.Microsecond), remade: map[string]bool{}}
		err := b.run(ctx)
		out = b.out
		return err
	})
	out.Seconds = time.Since(began).Seconds()
	return out, err
}

func (r *Runner) prepare(ctx context.Context, o Options) (*Graph, []*Node, error) {
	g, err := r.graph(ctx)
	if err != nil {
		return nil, nil, err
	}
	chosen, err := g.choose(o.Names)
	if err == nil {
		err = checkGiven(o.Parameters, chosen)
	}
	return g, chosen, err
}

// build makes models within one transaction.
type build struct {
	*Runner
	Options

	db        warehouse.Database
	tx        warehouse.Tx
	graph     *Graph
	chosen    []*Node // in order
	began     time.Time
	records   map[string]*record
	positions map[string]publish.Position
	archived  []archive.Part
	remade    map[string]bool // incremental models that were made from the beginning, so that rows may be gone
	out       Result
}

func (b *build) run(ctx context.Context) (err error) {
	b.out = Result{Started: b.began, Models: []Made{}, Tests: []Tested{}}
	if err := ensureRecords(ctx, b.tx); err != nil {
		return err
	}
	if b.records, err = b.readRecords(ctx, b.tx); err != nil {
		return err
	}
	if b.positions, err = positionsOf(ctx, b.tx); err != nil {
		return err
	}
	if b.archived, err = archive.Parts(ctx, b.tx, ""); err != nil {
		return err
	}
	b.out.Run = 1
	for _, n := range b.records {
		b.out.Run = max(b.out.Run, n.run+1)
	}
	if err := b.checkTables(ctx); err != nil {
		return err
	}
	if err := b.checkArchived(); err != nil {
		return err
	}
	if err := b.warnDiffering(ctx); err != nil {
		return err
	}
	for i, n := range b.chosen {
		b.report(n.Model.Name, i)
		if err := b.make(ctx, n); err != nil {
			return err
		}
	}
	b.report("tests", len(b.chosen))
	t := tester{Runner: b.Runner, db: b.db, from: b.tx, positions: b.positions, values: func(m *project.Model) *values { return b.valuesOf(m, nil) }}
	if b.out.Tests, err = t.run(ctx, b.chosen); err != nil {
		return err
	}
	return failedTests(&b.out, true)
}

// failedTests judges a result.
func failedTests(out *Result, rolledBack bool) error {
	if e := (&TestError{*out, rolledBack}); len(e.failed()) > 0 {
		return e
	}
	out.OK = true
	return nil
}

func (b *build) report(name string, done int) {
	if b.Progress != nil {
		b.Progress(name, done, len(b.chosen)+1)
	}
}

// valuesOf returns the values of a model's parameters; last is its last run, if its rows are extended.
func (b *build) valuesOf(m *project.Model, last *record) *values {
	v := &values{model: m, given: b.Parameters, sqlName: b.db.Type, began: b.began}
	if last != nil {
		v.last, v.position = &last.started, last.position()
	}
	return v
}

// checkTables refuses models that depend on a table which does not exist and is not made before.
func (b *build) checkTables(ctx context.Context) error {
	for i, n := range b.chosen {
		for _, t := range n.Tables {
			if used := b.graph.Node(t.Name); used != nil && slices.Contains(b.chosen[:i], used) {
				continue
			}
			_, found, err := b.tx.Table(ctx, t.Name)
			if err != nil {
				return err
			}
			if !found {
				return b.missingTable(n, t)
			}
		}
	}
	return nil
}

// warnDiffering warns of tables that are not as they were published.
func (b *build) warnDiffering(ctx context.Context) error {
	list, err := publish.AllDiffering(ctx, b.tx)
	for _, d := range list {
		if slices.ContainsFunc(b.chosen, func(n *Node) bool { return slices.Contains(b.graph.tables(n), d.Table) }) {
			b.out.Warnings = append(b.out.Warnings, d.String())
		}
	}
	return err
}

func (b *build) missingTable(n *Node, t Table) error {
	if b.graph.Node(t.Name) != nil {
		return fault(n.Model, t.Line, "model %s was not run yet: run `bursar model run +%s`", t.Name, n.Model.Name)
	}
	known := b.graph.names()
	for _, s := range b.Project.AllStreams() {
		known = append(known, project.EventsTable(s.Name))
	}
	for _, p := range b.Project.Pipelines {
		known = append(known, p.Name, project.HistoryTable(p.Name))
	}
	if slices.Contains(known, t.Name) {
		return fault(n.Model, t.Line, "table %s was not published yet: run `bursar publish`", t.Name)
	}
	known = append(known, slices.Collect(maps.Keys(b.positions))...)
	return fault(n.Model, t.Line, "table %s does not exist in the warehouse%s", t.Name, doc.DidYouMean(t.Name, known))
}

// make makes one model and records it.
func (b *build) make(ctx context.Context, n *Node) error {
	began := time.Now()
	m := n.Model
	last := b.records[m.Name]
	existing, err := b.existing(ctx, m.Name)
	if err != nil {
		return err
	}
	if existing != nil && last == nil {
		return fault(m, m.Line, "the warehouse has a table %s that this model has not made: rename or drop it", m.Name)
	}
	if err := b.checkSelect(ctx, n); err != nil {
		return err
	}
	made := Made{Model: m.Name, Materialize: m.Materialize}
	switch m.Materialize {
	case project.AsView:
		err = b.makeView(ctx, n, existing)
	case project.AsIncremental:
		err = b.makeIncremental(ctx, n, existing, &made)
	default:
		err = b.makeTable(ctx, n, existing)
	}
	if err == nil && m.Materialize != project.AsView {
		made.Rows, err = b.countRows(ctx, m.Name)
	}
	if err != nil {
		return err
	}
	made.Seconds = time.Since(began).Seconds()
	b.out.Models = append(b.out.Models, made)
	return b.writeRecord(ctx, n, &record{
		materialize: m.Materialize, definition: definitionOf(m), run: b.out.Run, rows: made.Rows, started: b.began,
		seconds: fmt.Sprintf("%.3f", made.Seconds), sources: b.sourcesOf(n),
	})
}

// existing returns a model's table or view; nil if there is none. DuckDB cannot describe a view whose tables have changed: it has no columns then.
func (b *build) existing(ctx context.Context, name string) (*warehouse.Table, error) {
	table, found, err := b.tx.Table(ctx, name)
	if last := b.records[name]; err != nil && failure.Of(err) == failure.Data && last != nil && last.materialize == project.AsView {
		return &warehouse.Table{Name: name, View: true}, nil
	}
	if err != nil || !found {
		return nil, err
	}
	return &table, nil
}

// positionsOf returns the positions of the published and of the loaded tables, by name.
func positionsOf(ctx context.Context, r warehouse.Reader) (map[string]publish.Position, error) {
	positions, err := publish.Positions(ctx, r)
	if err != nil {
		return nil, err
	}
	loaded, err := load.Positions(ctx, r)
	for table, p := range loaded {
		positions[table] = publish.Position{Generation: p.Replaced, Through: p.Through}
	}
	return positions, err
}

// sourcesOf returns the positions of the published and loaded tables that a model reads, also through other models.
func (b *build) sourcesOf(n *Node) map[string]publish.Position {
	sources := map[string]publish.Position{}
	for _, name := range b.graph.tables(n) {
		if p, ok := b.positions[name]; ok {
			sources[name] = p
		}
	}
	return sources
}
