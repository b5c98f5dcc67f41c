// What is known of the models: which were run, and when.

package model

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/publish"
)

// Status is a model with its last run.
type Status struct {
	Model       string                  `json:"model"`
	File        string                  `json:"file"`
	Materialize project.Materialization `json:"materialize"`
	Depends     []string                `json:"depends"`
	Tests       int                     `json:"tests"`
	Run         int64                   `json:"run,omitempty"` // 0: it was not run yet
	Started     *time.Time              `json:"started"`
	Rows        *int64                  `json:"rows"`
	Seconds     json.Number             `json:"seconds,omitempty"`
	Changed     bool                    `json:"changed"` // its definition has changed since
}

// List returns the models in the order in which they are made.
func (r *Runner) List(ctx context.Context) ([]Status, error) {
	g, err := r.graph(ctx)
	if err != nil {
		return nil, err
	}
	db, err := r.Open(ctx)
	if err != nil {
		return nil, err
	}
	var records map[string]*record
	err = db.Read(ctx, func(ctx context.Context, from warehouse.Reader) (err error) {
		records, err = r.readRecords(ctx, from)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]Status, len(g.Nodes))
	for i, n := range g.Nodes {
		m := n.Model
		list[i] = Status{Model: m.Name, File: m.File, Materialize: m.Materialize, Depends: n.Depends(), Tests: len(m.Tests)}
		if last := records[m.Name]; last != nil {
			list[i].Run, list[i].Started, list[i].Rows, list[i].Seconds = last.run, &last.started, last.rows, json.Number(last.seconds)
			list[i].Changed = last.definition != definitionOf(m)
		}
	}
	return list, nil
}

// Changed reports whether a run of all models would make anything new: a model or what it reads has changed since its last run. What Bursar
// does not fill, such as a table of a person's own, may have changed at any time. A test that was added or has failed is not a change.
func (r *Runner) Changed(ctx context.Context) (changed bool, err error) {
	g, err := r.graph(ctx)
	if err != nil {
		return false, err
	}
	db, err := r.Open(ctx)
	if err != nil {
		return false, err
	}
	err = db.Read(ctx, func(ctx context.Context, from warehouse.Reader) error {
		records, err := r.readRecords(ctx, from)
		if err != nil {
			return err
		}
		positions, err := positionsOf(ctx, from)
		changed = slices.ContainsFunc(g.Nodes, func(n *Node) bool { return g.hasChanged(n, records, positions) })
		return err
	})
	return changed, err
}

func (g *Graph) hasChanged(n *Node, records map[string]*record, positions map[string]publish.Position) bool {
	last := records[n.Model.Name]
	if last == nil || last.definition != definitionOf(n.Model) {
		return true
	}
	isNewer := func(t Table) bool { // a model that was run without this one
		used := records[t.Name]
		return g.named[t.Name] != nil && used != nil && used.run > last.run
	}
	return slices.ContainsFunc(n.Tables, isNewer) || slices.ContainsFunc(g.tables(n), func(table string) bool {
		now, known := positions[table]
		before, wasKnown := last.sources[table]
		return !known || !wasKnown || now != before
	})
}
