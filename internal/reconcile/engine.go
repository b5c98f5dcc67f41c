// Package reconcile folds sealed batches into artifacts: the steps of a run, the questions people ask of the result, and
// the proofs that it is right. It owns generations and runs in the catalog, deltas, states and parts in the object
// store. Steps are plain functions, idempotent and recorded in the catalog (rule 5); the workflow only calls them.
// It must not parse input or keep events.
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
)

// Store is the object store that runs work on: DuckDB reads its objects in place.
type Store interface {
	object.Store
	object.Local
}

// Engine carries out the steps of runs and answers questions about artifacts.
type Engine struct {
	Project *project.Project
	Objects Store
	Catalog catalog.Catalog
	Index   artifact.Index
	Duck    duck.Options
	Scratch string // folder for temporary files
	Workers int    // parts read at a time; 1 at least
	Now     func() time.Time
	Log     *slog.Logger

	mu    sync.Mutex
	plans map[string]*fold.Plan

	standing standing         // what questions start from
	parts    artifact.Readers // for one record at a time
}

// NotFoundError is what asking for an unknown stream, pipeline or key returns: exit code 3.
type NotFoundError struct {
	What string
	Why  string // and what to do, where that is known
}

func (e *NotFoundError) Error() string {
	if e.Why != "" {
		return fmt.Sprintf("%s not found: %s", e.What, e.Why)
	}
	return e.What + " not found"
}

// Class is Data: asking again gives the same answer.
func (e *NotFoundError) Class() failure.Class { return failure.Data }

// ExitCode is 3 (DESIGN §7).
func (e *NotFoundError) ExitCode() int { return 3 }

// Plan compiles a pipeline once.
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
	shape, errs := project.Bind(ctx, p, events, session)
	if len(errs) > 0 {
		return nil, failure.Wrap(failure.Data, project.Faults(errs))
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

// session opens a fresh DuckDB for one step.
func (e *Engine) session() (*duck.Session, error) { return duck.Open(e.Duck) }

// views opens a session over the given views.
func (e *Engine) views(ctx context.Context, views map[string]string) (*duck.Session, error) {
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
