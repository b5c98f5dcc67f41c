// The checks of `bursar check` that compare the declarations with the stored data.

package app

import (
	"context"
	"errors"
	"path/filepath"

	"bursar/internal/aggregate/rules"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
)

// Outdated is a pipeline whose definition has changed since its artifacts were made.
type Outdated struct {
	Pipeline string   `json:"pipeline"`
	File     string   `json:"file"`
	Changed  []string `json:"changed"` // definitions
}

// CheckStored compares the declarations with the stored data. faults are the streams whose schema does not extend that of their
// events, and the institutions whose declaration has changed since their statements were imported: intake would refuse them.
// outdated pipelines need a rebuild. CheckStored writes nothing, and returns nothing if it cannot open the catalog.
func CheckStored(ctx context.Context, p *project.Project, dir string) (faults []doc.Error, outdated []Outdated) {
	records, err := catalog.OpenReadOnly(filepath.Join(dir, ".bursar", "catalog.db"))
	if err != nil {
		return nil, nil
	}
	defer records.Close()
	reader := query.New(&reconcile.Engine{Project: p, Catalog: records, Duck: checkOptions})
	for _, pipeline := range p.Pipelines {
		if changed, err := reader.Changed(ctx, pipeline.Name); err == nil && changed != nil {
			outdated = append(outdated, Outdated{pipeline.Name, pipeline.File, changed})
		}
	}
	faults = findGrowthFaults(ctx, p.Streams, records)
	if changed, err := rules.CheckDeclared(ctx, records, p); err == nil {
		faults = append(faults, changed...)
	}
	return faults, outdated
}

// findGrowthFaults returns the streams whose schema does not extend that of their events.
func findGrowthFaults(ctx context.Context, streams []*project.Stream, records catalog.Catalog) (faults []doc.Error) {
	for _, s := range streams {
		if err := event.CheckGrowth(ctx, records, s); errors.As(err, new(*event.GrowthError)) {
			faults = append(faults, doc.Error{File: s.File, Line: s.Line, Message: err.Error()})
		}
	}
	return faults
}
