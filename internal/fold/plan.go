// Package fold turns a pipeline's declared folds into the SQL of reduce and merge. It owns the layout of deltas and
// records and guarantees that both are insensitive to the order and grouping of events (rule 6). It runs no SQL.
//
// A delta and a record start with the key, then the hidden column _events (how many events are folded in), then the
// fold columns with the hidden columns that order them; a record goes on with the `is` columns.
package fold

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/project"
)

// EventCount is the hidden column that counts the events folded into a delta or record.
const EventCount = "_events"

// Column is one column of a record.
type Column struct {
	column.Field
	Hidden bool  // kept as state, never exported
	Items  []int // list: the fields of an element that are exported
}

// Conserved is one total that rule 4 follows through a run: the merge's output and the state each carry its sum.
type Conserved struct {
	Total string
	Group int // index of the key column that the total is grouped by, or -1
	Type  column.Type
}

// Plan is all that the steps of a run need to know of a pipeline.
type Plan struct {
	Pipeline *project.Pipeline
	Stream   *project.Stream
	Key      []column.Field
	Record   []Column       // what follows the key in a record
	Delta    []column.Field // what follows the key in a delta
	Conserve []Conserved
	Reduce   string // SELECT key and delta columns FROM events, sorted by key
	Merge    string // SELECT key, record, conserve columns and Aligned FROM delta and state, in the delta's order
	Old      string // SELECT key, event count and conserve columns FROM state

	order []string // of the `is` columns
}

// NewPlan compiles a checked pipeline. types are its artifact columns in declared order, and order the names of its `is`
// columns in an order in which they can be computed.
func NewPlan(p *project.Pipeline, s *project.Stream, types []column.Field, order []string) (*Plan, error) {
	plan := &Plan{Pipeline: p, Stream: s, order: order}
	for _, name := range p.Key {
		c := s.Column(name)
		if c == nil {
			return nil, fmt.Errorf("plan pipeline %s: no key column %s in stream %s", p.Name, name, s.Name)
		}
		plan.Key = append(plan.Key, column.Field{Name: name, Type: c.Type, Required: true})
	}
	folds := make([]folded, 0, len(p.Artifact))
	for i := range p.Artifact {
		if p.Artifact[i].Kind != project.Is {
			folds = append(folds, foldOf(&p.Artifact[i], s, types[i].Type))
		}
	}
	plan.layout(folds, types)
	if err := plan.conserve(); err != nil {
		return nil, err
	}
	plan.Reduce = reduceSQL(plan, folds)
	plan.Merge = mergeSQL(plan, folds)
	plan.Old = fmt.Sprintf("SELECT %s FROM state WHERE %s IS NOT NULL",
		join(quoted(plan.Key), []string{column.QuoteIdentifier(EventCount)}, plan.conserveSQL()), column.QuoteIdentifier(EventCount))
	return plan, nil
}

// layout lists the columns of deltas and records in their order.
func (plan *Plan) layout(folds []folded, types []column.Field) {
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

// conserve binds each declared conserve entry to the scale and group of its control total.
func (plan *Plan) conserve() error {
	for _, c := range plan.Pipeline.Conserve {
		total := plan.Stream.Total(c.Total)
		if total == nil {
			return fmt.Errorf("plan pipeline %s: no total %s in stream %s", plan.Pipeline.Name, c.Total, plan.Stream.Name)
		}
		group := -1
		for i, k := range plan.Key {
			if total.By != "" && k.Name == total.By {
				group = i
			}
		}
		plan.Conserve = append(plan.Conserve, Conserved{Total: c.Total, Group: group, Type: plan.Stream.TotalType(total)})
	}
	return nil
}

// conserveSQL lists the conserve expressions as columns.
func (plan *Plan) conserveSQL() []string {
	list := make([]string, len(plan.Conserve))
	for i, c := range plan.Conserve {
		list[i] = fmt.Sprintf("CAST((%s\n) AS %s) AS %s", plan.Pipeline.Conserve[i].Expr, c.Type.SQL(), column.QuoteIdentifier(fmt.Sprintf("_total_%d", i)))
	}
	return list
}

// Output is the fields of the merge's result after the key: the record, then the conserve columns.
func (plan *Plan) Output() []column.Field {
	fields := make([]column.Field, 0, len(plan.Record)+len(plan.Conserve))
	for _, c := range plan.Record {
		fields = append(fields, c.Field)
	}
	for i, c := range plan.Conserve {
		fields = append(fields, column.Field{Name: fmt.Sprintf("_total_%d", i), Type: c.Type})
	}
	return fields
}

// RecordFields is the fields of a record after the key.
func (plan *Plan) RecordFields() []column.Field { return plan.Output()[:len(plan.Record)] }

// Fingerprint digests every definition that a stored record depends on, by column: a generation built with one set of
// fingerprints cannot be carried on with another.
func (plan *Plan) Fingerprint() map[string]string {
	prints := map[string]string{"key": digest(plan.Key), "from": digest(plan.Stream.Name), "identity": digest(plan.Stream.ID)}
	record := map[string]column.Type{}
	for _, c := range plan.Record {
		record[c.Name] = c.Type
	}
	for i := range plan.Pipeline.Artifact {
		f := plan.Pipeline.Artifact[i]
		f.Line = 0
		prints["artifact."+f.Name] = digest([]any{f, record[f.Name]})
	}
	columns := make([]string, len(plan.Pipeline.Artifact))
	for i, f := range plan.Pipeline.Artifact {
		columns[i] = f.Name
	}
	prints["order of columns"] = digest(columns)
	return prints
}

func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("bug: digest definition: %v", err)) // plain structs always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
