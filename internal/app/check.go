// What needs no opened project: checks of the folder, also against the stored data.

package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/aggregate/rules"
	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/job/task"
	"bursar/internal/project"
	"bursar/internal/project/bind"
	"bursar/internal/project/doc"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
	models "bursar/internal/warehouse/model"
)

// ProjectError lists all faults of a project folder. Its exit code is 2.
type ProjectError struct{ Errors []doc.Error }

func (e *ProjectError) Error() string { return doc.Faults(e.Errors).Error() }

// Class is Data: the same folder has the same faults.
func (e *ProjectError) Class() failure.Class { return failure.Data }

// ExitCode is 2 (DESIGN §7).
func (e *ProjectError) ExitCode() int { return 2 }

// AcceptCommand is the name of `bursar quarantine --accept` as a command that opens a project: it rebuilds pipelines.
const AcceptCommand = "quarantine --accept"

// refuses reports whether a command refuses a project with these faults. If earlier versions accepted the declarations, their
// artifacts stay readable and events are ingested; only commands that compute by the declarations refuse them.
func (e *ProjectError) refuses(command string) bool {
	computed := slices.DeleteFunc(slices.Clone(e.Errors), isOfWarehouse)
	if len(computed) == 0 {
		return false
	}
	return slices.Contains([]string{"run", "rebuild", "retract", AcceptCommand, "up"}, command) ||
		slices.ContainsFunc(computed, func(fault doc.Error) bool { return !fault.Stored })
}

// isOfWarehouse reports whether a fault is in a load or a model. Only commands about them refuse it: nothing else depends on one.
func isOfWarehouse(fault doc.Error) bool {
	return strings.HasPrefix(fault.File, project.WarehouseFolder)
}

// ofWarehouse returns the faults of loads and models among those of a folder; nil if there are none.
func (e *ProjectError) ofWarehouse() *ProjectError { return e.only(isOfWarehouse) }

// ofLoads returns the faults of loads; nil if there are none.
func (e *ProjectError) ofLoads() *ProjectError {
	return e.only(func(fault doc.Error) bool { return isOfWarehouse(fault) && !strings.HasSuffix(fault.File, ".sql") })
}

// only returns some of the faults; nil if there are none of them, or e is nil.
func (e *ProjectError) only(of func(doc.Error) bool) *ProjectError {
	if e == nil {
		return nil
	}
	own := slices.DeleteFunc(slices.Clone(e.Errors), func(fault doc.Error) bool { return !of(fault) })
	if len(own) == 0 {
		return nil
	}
	return &ProjectError{own}
}

// checkOptions are the options of the session in which a project's SQL is bound. Its memory is small because nothing should be
// evaluated there.
var checkOptions = duck.Options{Threads: 1, Memory: "256MB"}

// Check reads a project folder and binds its SQL. It does not touch the state.
func Check(ctx context.Context, dir string) (*project.Project, error) {
	p, errs := project.Read(dir)
	session, err := duck.Open(checkOptions)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	errs = append(errs, bind.Check(ctx, p, session)...)
	errs = append(errs, checkTasks(ctx, p, session, errs)...)
	_, modelErrs := models.Parse(ctx, session, p)
	errs = append(errs, modelErrs...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(errs) > 0 {
		return p, &ProjectError{errs}
	}
	return p, nil
}

// checkTasks reports templates and queries of jobs that cannot be executed, in declarations without other faults. Whether tables and columns
// exist is only known in the warehouse.
func checkTasks(ctx context.Context, p *project.Project, session *duck.Session, known []doc.Error) (faults []doc.Error) {
	for _, j := range p.Jobs {
		if slices.ContainsFunc(known, func(fault doc.Error) bool { return fault.File == j.File }) {
			continue
		}
		queries, wrong := task.Check(j)
		faults = append(faults, wrong...)
		if len(wrong) > 0 || p.Config.Warehouse.Kind != project.DuckDBWarehouse { // others have SQL that DuckDB does not read
			continue
		}
		for _, q := range queries {
			var refused *duck.SelectError
			if _, err := session.References(ctx, q.SQL); errors.As(err, &refused) {
				faults = append(faults, doc.Error{File: j.File, Line: j.Lines().At(q.Key), Message: fmt.Sprintf("%s: line %d of the text: %s", q.Key, max(refused.Line(), 1), refused.Message)})
			}
		}
	}
	return faults
}

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
	return compareStored(ctx, p, records)
}

// CheckShared is CheckStored for a project whose catalog is in PostgreSQL. It compares nothing before the first command made its tables.
func CheckShared(ctx context.Context, p *project.Project) (faults []doc.Error, outdated []Outdated, err error) {
	if !p.Config.IsShared() {
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	records, err := (&App{Project: p}).openExistingCatalog(ctx)
	if records == nil || err != nil {
		return nil, nil, err
	}
	faults, outdated = compareStored(ctx, p, records)
	return faults, outdated, records.Close()
}

// compareStored compares the declarations with a catalog.
func compareStored(ctx context.Context, p *project.Project, records catalog.Catalog) (faults []doc.Error, outdated []Outdated) {
	reader := query.New(&reconcile.Engine{Project: p, Catalog: records, Duck: checkOptions})
	for _, pipeline := range p.Pipelines {
		if changed, err := reader.Changed(ctx, pipeline.Name); err == nil && changed != nil {
			outdated = append(outdated, Outdated{pipeline.Name, pipeline.File, changed})
		}
	}
	faults, _ = findGrowthFaults(ctx, p.Streams, records) // what cannot be read is for other checks
	if changed, err := rules.CheckDeclared(ctx, records, p); err == nil {
		faults = append(faults, changed...)
	}
	return faults, outdated
}

// findGrowthFaults returns the streams whose schema does not extend that of their events.
func findGrowthFaults(ctx context.Context, streams []*project.Stream, records catalog.Catalog) (faults []doc.Error, failed error) {
	for _, s := range streams {
		err := event.CheckGrowth(ctx, records, s)
		if isSchemaFault(err) {
			faults = append(faults, doc.Error{File: s.File, Line: s.Line, Message: err.Error()})
			err = nil
		}
		failed = errors.Join(failed, err)
	}
	return faults, failed
}
