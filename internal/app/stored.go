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
)

// CheckStored finds streams whose declaration is not that of the events they hold, grown, and institutions that are declared in another way than
// their statements were imported by: intake would refuse them. It writes
// nothing, and says nothing where it cannot look.
func CheckStored(ctx context.Context, p *project.Project, dir string) (faults []project.Error) {
	records, err := catalog.OpenReadOnly(filepath.Join(dir, ".bursar", "catalog.db"))
	if err != nil {
		return nil
	}
	defer records.Close()
	faults = ungrown(ctx, p.Streams, records)
	changed, err := aggregate.CheckDeclared(ctx, records, p)
	if err != nil {
		return faults
	}
	return append(faults, changed...)
}

// ungrown finds streams whose declaration is not that of the events they hold, grown.
func ungrown(ctx context.Context, streams []*project.Stream, records catalog.Catalog) (faults []project.Error) {
	for _, s := range streams {
		if err := event.CheckGrowth(ctx, records, s); errors.As(err, new(*event.GrowthError)) {
			faults = append(faults, project.Error{File: s.File, Line: s.Line, Message: err.Error()})
		}
	}
	return faults
}
