// What is known of the models: which were run, and when.

package model

import (
	"context"
	"encoding/json"
	"time"

	"bursar/internal/project"
	"bursar/internal/warehouse"
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
