// Package reconcile folds sealed batches into artifacts: the steps of a run, the queries on the result, and the checks that
// prove it right. It owns generations and runs in the catalog, and deltas, states and parts in the object store. Steps are
// plain functions, idempotent and recorded in the catalog (rule 5); the workflow only calls them. The package must not
// parse input or store events.
package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/project/bind"
	"bursar/internal/project/doc"
)

// Store is the object store that runs use: DuckDB reads its objects in place.
type Store interface {
	object.Store
	object.Local
}

// Engine executes the steps of runs and answers queries on artifacts.
type Engine struct {
	Project *project.Project
	Objects Store
	Catalog catalog.Catalog
	Index   artifact.Index
	Duck    duck.Options
	Scratch string // folder for temporary files
	Workers int    // parts read at a time; at least 1
	Now     func() time.Time
	Log     *slog.Logger

	mu    sync.Mutex
	plans map[string]*fold.Plan

	snapshots snapshotCache      // cached, one per pipeline
	partCache artifact.PartCache // open parts, for reading single records
}

// NotFoundError reports an unknown stream, pipeline or key: exit code 3.
type NotFoundError struct {
	What string
	Why  string // and what to do; may be empty
}

func (e *NotFoundError) Error() string {
	if e.Why != "" {
		return fmt.Sprintf("%s not found: %s", e.What, e.Why)
	}
	return e.What + " not found"
}

// Class is Data: a repeated query gives the same answer.
func (e *NotFoundError) Class() failure.Class { return failure.Data }

// ExitCode is 3 (DESIGN §7).
func (e *NotFoundError) ExitCode() int { return 3 }

// Plan compiles a pipeline, once per engine.
func (e *Engine) Plan(ctx context.Context, pipeline string) (*fold.Plan, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if plan := e.plans[pipeline]; plan != nil {
		return plan, nil
	}
	p := e.Project.Pipeline(pipeline)
	if p == nil {
		return nil, &NotFoundError{What: "pipeline " + pipeline}
	}
	session, err := e.session()
	if err != nil {
		return nil, err
	}
	defer session.Close()
	events := e.Project.Events(p)
	if events == nil {
		return nil, &NotFoundError{What: "a stream or key column of pipeline " + pipeline}
	}
	shape, errs := bind.Pipeline(ctx, p, events, session)
	if len(errs) > 0 {
		return nil, failure.Wrap(failure.Data, doc.Faults(errs))
	}
	plan, err := fold.NewPlan(p, events, shape)
	if err != nil {
		return nil, err
	}
	if e.plans == nil {
		e.plans = map[string]*fold.Plan{}
	}
	e.plans[pipeline] = plan
	return plan, nil
}

// session opens a new DuckDB session for one step.
func (e *Engine) session() (*duck.Session, error) { return duck.Open(e.Duck) }

// openViews opens a session with the given views, SQL by name.
func (e *Engine) openViews(ctx context.Context, views map[string]string) (*duck.Session, error) {
	session, err := e.session()
	if err != nil {
		return nil, err
	}
	for name, sql := range views {
		if err := session.Exec(ctx, fmt.Sprintf("CREATE TEMP VIEW %s AS %s", name, sql)); err != nil {
			session.Close()
			return nil, fmt.Errorf("open view %s: %w", name, err)
		}
	}
	return session, nil
}
