// Package model makes the models of a project in its warehouse: tables and views that one SELECT each defines. All models of a run are made,
// and tested, in one transaction of the warehouse, so that people see all of them or none. It owns the tables bursar_models and
// bursar_model_sources. It must not know where other tables come from, nor when models are run.
package model

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/warehouse"
)

// Runner runs and tests the models of a project. It is safe for concurrent use.
type Runner struct {
	Project   *project.Project
	ProjectID string // tables of another project's models are not touched
	// Open returns the warehouse, which stays open. It is called for every run: a warehouse may be away for a while.
	Open   func(context.Context) (warehouse.Database, error)
	Now    func() time.Time
	Duck   duck.Options // of the session that parses
	Totals ControlTotals
}

// ControlTotals reads the control totals of sealed batches.
type ControlTotals interface {
	// Published adds up a control total of the batches of a stream up to one, by group, without what was excluded by its first retractions.
	// The group of a total without groups is empty.
	Published(ctx context.Context, stream, total string, through, retraction uint64) (map[string]string, error)
}

// Options say what is run, and with which values.
type Options struct {
	Names      []string // of models; +NAME adds those it depends on, NAME+ those that depend on it. None: all models
	Full       bool     // incremental models are made from the beginning
	Parameters map[string]string
	// Progress is called before each model and before the tests; it may be nil. A transaction that is repeated calls it again.
	Progress func(name string, done, total int)
}

// NotFoundError reports a model that the project does not declare: exit code 3.
type NotFoundError struct {
	Model  string
	Models []string // that it declares
}

func (e *NotFoundError) Error() string {
	if len(e.Models) == 0 {
		return fmt.Sprintf("model %s not found: the project declares none; add warehouse/%[1]s.sql", e.Model)
	}
	return fmt.Sprintf("model %s not found: the project declares %s%s", e.Model, strings.Join(e.Models, ", "), doc.DidYouMean(e.Model, e.Models))
}

// Class is Data: a repeated call gives the same answer.
func (e *NotFoundError) Class() failure.Class { return failure.Data }

// ExitCode is 3 (DESIGN §7).
func (e *NotFoundError) ExitCode() int { return 3 }

// graph parses the models of the project.
func (r *Runner) graph(ctx context.Context) (*Graph, error) {
	session, err := duck.Open(r.Duck)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	g, faults := Parse(ctx, session, r.Project)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, failure.Wrap(failure.Data, doc.Faults(faults))
	}
	return g, nil
}

// Graph returns the models of the project and what they depend on.
func (r *Runner) Graph(ctx context.Context) (*Graph, error) { return r.graph(ctx) }

// fault is an error at a place of a model's file.
func fault(m *project.Model, line int, format string, args ...any) error {
	return failure.Wrap(failure.Data, doc.Error{File: m.File, Line: line, Message: fmt.Sprintf(format, args...)})
}

// quote returns the stored name of a table or a column for SQL.
func quote(db warehouse.Database, name string) string { return warehouse.Quote(db, name) }

// quoteColumn returns a column of a result, whose name is stored already.
func quoteColumn(name string) string { return column.QuoteIdentifier(name) }
