// What `bursar check` sees of a project's state.

package app

import (
	"context"
	"errors"
	"path/filepath"

	"bursar/internal/aggregate"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/project"
	"bursar/internal/reconcile"
)

// Outdated is a pipeline that is declared in another way than when its artifacts were made.
type Outdated struct {
	Pipeline string   `json:"pipeline"`
	File     string   `json:"file"`
	Changed  []string `json:"changed"` // definitions
}

// CheckStored compares the declarations with what the project holds. Faults are streams whose declaration is not that of their
// events, grown, and institutions that are declared in another way than their statements were imported by: intake would refuse them.
// Outdated pipelines need a rebuild. It writes nothing, and finds nothing where it cannot look.
func CheckStored(ctx context.Context, p *project.Project, dir string) (faults []project.Error, outdated []Outdated) {
	records, err := catalog.OpenReadOnly(filepath.Join(dir, ".bursar", "catalog.db"))
	if err != nil {
		return nil, nil
	}
	defer records.Close()
	engine := &reconcile.Engine{Project: p, Catalog: records, Duck: checkOptions}
	for _, pipeline := range p.Pipelines {
		if changed, err := engine.Changed(ctx, pipeline.Name); err == nil && changed != nil {
			outdated = append(outdated, Outdated{pipeline.Name, pipeline.File, changed})
		}
	}
	faults = findGrowthFaults(ctx, p.Streams, records)
	if changed, err := aggregate.CheckDeclared(ctx, records, p); err == nil {
		faults = append(faults, changed...)
	}
	return faults, outdated
}

// findGrowthFaults finds streams whose declaration is not that of the events they hold, grown.
func findGrowthFaults(ctx context.Context, streams []*project.Stream, records catalog.Catalog) (faults []project.Error) {
	for _, s := range streams {
		if err := event.CheckGrowth(ctx, records, s); errors.As(err, new(*event.GrowthError)) {
			faults = append(faults, project.Error{File: s.File, Line: s.Line, Message: err.Error()})
		}
	}
	return faults
}
