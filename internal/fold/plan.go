// Package fold compiles a pipeline's declared folds, or its SQL files, into the SQL of reduce and merge. It owns the layout of deltas
// and records and guarantees that declared folds are insensitive to the order and grouping of events (rule 6). It runs no SQL.
//
// A delta and a record start with the key, then the hidden column _events (how many events are folded in), then the
// fold columns with the hidden columns that order them; a record ends with the `is` columns.
package fold

import (
	"fmt"
	"slices"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/bind"
)

// EventCount is the hidden column that counts the events folded into a delta or record.
const EventCount = "_events"

// Column is one column of a record.
type Column struct {
	column.Field
	Hidden bool  // stored, never exported
	Items  []int // list: the fields of an element that are exported
}

// Conserved is a control total that rule 4 follows through a run: the outputs of merge and state contain its sum.
type Conserved struct {
	Total string
	Group int // index of the key column that the total is grouped by, or -1
	Type  column.Type
}

// Plan is everything that the steps of a run need to know about a pipeline.
type Plan struct {
	Pipeline    *project.Pipeline
	Events      *project.Events
	Key         []column.Field
	Record      []Column       // columns of a record after the key
	Delta       []column.Field // columns of a delta after the key
	Conserve    []Conserved
	Reduce      string // SELECT key and delta columns FROM events, sorted by key
	Merge       string // SELECT key, record, conserve columns and Aligned FROM delta and state, in the delta's order
	StateTotals string // SELECT key, event count and conserve columns FROM state

	computedOrder []string // of the `is` columns
}

// NewPlan compiles a checked pipeline over its events, with the column types found by bind.Pipeline.
func NewPlan(p *project.Pipeline, e *project.Events, shape bind.Types) (*Plan, error) {
	plan := &Plan{Pipeline: p, Events: e, computedOrder: shape.Order}
	for _, k := range e.Key {
		plan.Key = append(plan.Key, k.Field)
	}
	folds := make([]foldSQL, 0, len(p.Artifact))
	for i := range p.Artifact {
		switch f := &p.Artifact[i]; f.Kind {
		case project.Is:
		case project.Typed:
			folds = append(folds, foldSQL{columns: []column.Field{{Name: f.Name, Type: shape.Types[i].Type}}})
		default:
			folds = append(folds, compileFold(f, e, shape.Types[i].Type))
		}
	}
	plan.layout(folds, shape.Types)
	if err := plan.conserve(); err != nil {
		return nil, err
	}
	if plan.Custom() {
		plan.Delta = append(plan.Delta[:1], shape.Delta...)
		plan.Reduce, plan.Merge = customReduce(plan), customMerge(plan)
	} else {
		plan.Reduce, plan.Merge = reduceSQL(plan, folds), mergeSQL(plan, folds)
	}
	plan.StateTotals = fmt.Sprintf("SELECT %s FROM state WHERE %s IS NOT NULL",
		join(Quoted(plan.Key), []string{column.QuoteIdentifier(EventCount)}, plan.conserveSQL()), column.QuoteIdentifier(EventCount))
	return plan, nil
}

// Custom reports whether the project's SQL files make the columns.
func (plan *Plan) Custom() bool { return plan.Pipeline.Reduce != nil }

func (plan *Plan) layout(folds []foldSQL, types []column.Field) {
	count := column.Field{Name: EventCount, Type: column.Type{Kind: column.BigInt}, Required: true}
	plan.Delta = []column.Field{count}
	plan.Record = []Column{{Field: count, Hidden: true}}
	for _, f := range folds {
		plan.Delta = append(plan.Delta, f.columns...)
		for i, c := range f.columns {
			plan.Record = append(plan.Record, Column{Field: c, Hidden: i > 0, Items: f.items})
		}
	}
	for i, f := range plan.Pipeline.Artifact {
		if f.Kind == project.Is {
			plan.Record = append(plan.Record, Column{Field: types[i]})
		}
	}
}

// conserve resolves the scale and group of each conserve entry's control total, which are the same in every stream that declares it.
func (plan *Plan) conserve() error {
	for _, c := range plan.Pipeline.Conserve {
		streams := plan.Events.Totals(c.Total)
		if len(streams) == 0 {
			return fmt.Errorf("plan pipeline %s: no total %s in its streams", plan.Pipeline.Name, c.Total)
		}
		s := streams[0]
		total, group := s.Total(c.Total), -1
		if total.By != "" {
			group = slices.Index(plan.Pipeline.KeyOf(s.Name), total.By)
		}
		plan.Conserve = append(plan.Conserve, Conserved{Total: c.Total, Group: group, Type: s.TotalType(total)})
	}
	return nil
}

func (plan *Plan) conserveSQL() []string {
	list := make([]string, len(plan.Conserve))
	for i, c := range plan.Conserve {
		list[i] = fmt.Sprintf("CAST((%s\n) AS %s) AS %s", plan.Pipeline.Conserve[i].Expr, c.Type.SQL(), column.QuoteIdentifier(fmt.Sprintf("_total_%d", i)))
	}
	return list
}

// Position is the place of a column in Record.
func (plan *Plan) Position(name string) int {
	return slices.IndexFunc(plan.Record, func(c Column) bool { return c.Name == name })
}

// RecordFields lists the columns of a record after the key.
func (plan *Plan) RecordFields() []column.Field {
	fields := make([]column.Field, len(plan.Record))
	for i, c := range plan.Record {
		fields[i] = c.Field
	}
	return fields
}

// DeltaFields lists the columns of a delta, those of the key first.
func (plan *Plan) DeltaFields() []column.Field { return slices.Concat(plan.Key, plan.Delta) }
