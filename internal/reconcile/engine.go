// Package reconcile holds what the packages below it share: the stores, the compiled pipelines and the form of an artifact's row.
// Together they fold sealed batches into artifacts: runs keeps the records in the catalog, step executes the steps, index loads
// and checks the index, query reads, rebuild makes new generations, verify proves the result, and flow is the workflows. This
// package must not parse input, store events or know the packages below it.
package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/project/bind"
	"bursar/internal/project/doc"
)

// Engine is the stores of a project, and its compiled pipelines.
type Engine struct {
	Project *project.Project
	Objects object.Local
	Catalog catalog.Catalog
	Index   artifact.Index
	Duck    duck.Options
	Scratch string // folder for temporary files
	Workers int    // parts read at a time; at least 1
	Shared  bool   // other processes may read and write the same stores
	Now     func() time.Time
	Log     *slog.Logger

	mu    sync.Mutex
	plans map[string]*fold.Plan
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
	session, err := e.Session()
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

// Session opens a new DuckDB session.
func (e *Engine) Session() (*duck.Session, error) { return duck.Open(e.Duck) }

// OpenViews opens a session with the given views, SQL by name, and pins the files that they read; nil if they read no objects. The
// caller closes the session, then releases the files.
func (e *Engine) OpenViews(ctx context.Context, files object.Files, views map[string]string) (*duck.Session, error) {
	if files != nil {
		if err := files.Pin(ctx); err != nil {
			return nil, err
		}
	}
	session, err := e.Session()
	if err != nil {
		return nil, err
	}
	if files != nil {
		session.ExplainWith(files.Explain)
	}
	for name, sql := range views {
		if err := session.Exec(ctx, fmt.Sprintf("CREATE TEMP VIEW %s AS %s", name, sql)); err != nil {
			session.Close()
			return nil, fmt.Errorf("open view %s: %w", name, err)
		}
	}
	return session, nil
}

// Query runs a SELECT over the given views in a session of its own, as OpenViews does, and calls each with its rows as duck.Session.Query does.
func (e *Engine) Query(ctx context.Context, files object.Files, views map[string]string, sql string, each func(rows []column.Vector) error) error {
	session, err := e.OpenViews(ctx, files, views)
	if err != nil {
		return err
	}
	defer session.Close()
	return session.Query(ctx, sql, each)
}

// Spill makes a scratch file of the rows that write writes, and returns a SELECT over it. The file is deleted by remove.
func (e *Engine) Spill(name string, fields []column.Field, write func(out *column.ParquetWriter) error) (sql string, remove func(), err error) {
	file, err := os.CreateTemp(e.Scratch, name+"-*.parquet")
	if err != nil {
		return "", nil, fmt.Errorf("write scratch: %w", err)
	}
	defer file.Close()
	remove = func() { _ = os.Remove(file.Name()) } // scratch is emptied at the next start
	out, err := column.NewParquetWriter(file, fields)
	if err == nil {
		err = write(out)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("write scratch: %w", err)
	}
	return "SELECT * FROM read_parquet(" + duck.Literal(file.Name()) + ")", remove, nil
}

// SpillRows is Spill of rows in memory.
func (e *Engine) SpillRows(name string, fields []column.Field, rows []column.Vector) (sql string, remove func(), err error) {
	return e.Spill(name, fields, func(out *column.ParquetWriter) error { return out.WriteGroup(rows) })
}

// WithIndex returns a copy of the engine with another index, which compiles pipelines anew.
func (e *Engine) WithIndex(index artifact.Index) *Engine {
	return &Engine{
		Project: e.Project, Objects: e.Objects, Catalog: e.Catalog, Index: index,
		Duck: e.Duck, Scratch: e.Scratch, Workers: e.Workers, Shared: e.Shared, Now: e.Now, Log: e.Log,
	}
}

// PrepareNext makes sure that no objects and index entries have the names of a generation before it is created: leftovers of another
// catalog would be taken for its own. They are removed; in a shared project they are refused, because another process may have created
// the generation meanwhile: then the caller finds it in the catalog.
func (e *Engine) PrepareNext(ctx context.Context, space artifact.Space) error {
	if !e.Shared {
		return e.Remove(ctx, space)
	}
	indexed, err := e.isIndexed(ctx, space)
	if err != nil {
		return err
	}
	names, err := e.Objects.List(ctx, artifact.SpacePrefix(space))
	if err == nil && (indexed || len(names) > 0) {
		err = failure.Wrap(failure.Data, fmt.Errorf("generation %d of %s has objects or index entries that the catalog does not know: `bursar repair` removes them", space.Generation, space.Pipeline))
	}
	return err
}

// Remove removes all objects and index entries of a generation, if there are any.
func (e *Engine) Remove(ctx context.Context, space artifact.Space) error {
	indexed, err := e.isIndexed(ctx, space)
	if err == nil && indexed {
		err = e.Index.Drop(ctx, space)
	}
	if err != nil {
		return err
	}
	return e.DeleteObjects(ctx, artifact.SpacePrefix(space))
}

func (e *Engine) isIndexed(ctx context.Context, space artifact.Space) (indexed bool, err error) {
	err = e.Index.Scan(ctx, space, ^uint64(0), func(artifact.Entry) error { indexed = true; return failure.ErrStop })
	return indexed, failure.UnlessStopped(err)
}

// DeleteObjects deletes all objects whose names begin with prefix.
func (e *Engine) DeleteObjects(ctx context.Context, prefix string) error {
	names, err := e.Objects.List(ctx, prefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := e.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
