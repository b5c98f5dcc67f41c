// Package publish keeps tables of the warehouse up to date with what the project has accepted and published: events_<stream> with the
// events of a stream, and <pipeline> with the artifacts of a pipeline. One transaction of the warehouse adds a group of batches or runs
// together with the record of it, so that after a crash a table has all of a group or nothing (rules 1 and 5), and compares counts and
// control totals with those of the batches and runs (rule 4). It owns the tables whose names begin with bursar_. It must not know how
// artifacts are made or stored, nor when something is published.
package publish

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
)

// Pipelines reads what readers see of pipelines.
type Pipelines interface {
	// ReadPublished calls fn with what readers see of a pipeline at one moment, and again if that is gone before fn has ended. The context of
	// fn ends when it is replaced: who does that waits for fn.
	ReadPublished(ctx context.Context, pipeline string, fn func(context.Context, Artifacts) error) error
}

// Artifacts is what readers see of a pipeline at one moment.
type Artifacts interface {
	// Generation returns zeros before the first run.
	Generation() (generation, run uint64, artifacts int64, watermark *time.Time)
	// IsCurrent reports whether readers still see the same generation and run.
	IsCurrent(ctx context.Context) (bool, error)
	// Fields returns the columns of artifacts, none of which is a list; the first ones are the key, and never null.
	Fields() (fields []column.Field, key int)
	// Run returns when the last event of a run was received, and how many events and artifacts are in it.
	Run(ctx context.Context, run uint64) (received time.Time, events, artifacts int64, err error)
	// All calls each with all artifacts and the run that has made each.
	All(ctx context.Context, each func(made []uint64, values []column.Vector) error) error
	// OfRun calls each with the artifacts that a run has made.
	OfRun(ctx context.Context, run uint64, each func(values []column.Vector) error) error
}

// Publisher publishes the streams and pipelines of a project. It is safe for concurrent use.
type Publisher struct {
	Project   *project.Project
	ProjectID string // tables of another project are not touched
	Events    *event.Store
	Pipelines Pipelines
	// Open returns the warehouse, which stays open. It is called for every publication: a warehouse may be away for a while.
	Open    func(context.Context) (warehouse.Database, error)
	Archive *archive.Archiver // of the tables of streams

	GroupRows int64 // about how many rows one transaction adds, unless a table is replaced; 0 is the default
}

// defaultGroupRows bounds what a killed process has to repeat.
const defaultGroupRows = 2_000_000

func (p *Publisher) groupRows() int64 { return cmp.Or(p.GroupRows, defaultGroupRows) }

// source is what a table is made of: a stream or a pipeline.
type source struct {
	table    string
	stream   *project.Stream
	pipeline *project.Pipeline
	history  bool // of the pipeline
	again    bool // the table is made from the beginning
}

func (s *source) name() string {
	if s.stream != nil {
		return s.stream.Name
	}
	return s.pipeline.Name
}

// streams lists the streams whose events are in the table.
func (s *source) streams() []string {
	if s.stream != nil {
		return []string{s.stream.Name}
	}
	return s.pipeline.From
}

// sources lists the tables of the project in the order in which they are published. Built-in streams are among them once they have events.
func (p *Publisher) sources(ctx context.Context) (list []source, err error) {
	for _, s := range p.Project.AllStreams() {
		if s.Builtin {
			_, found, err := p.Events.ReadState(ctx, s.Name)
			if err != nil {
				return nil, err
			}
			if !found {
				continue
			}
		}
		list = append(list, source{table: project.EventsTable(s.Name), stream: s})
	}
	for _, l := range p.Project.Pipelines {
		list = append(list, source{table: l.Name, pipeline: l})
		if l.History {
			list = append(list, source{table: project.HistoryTable(l.Name), pipeline: l, history: true})
		}
	}
	return list, nil
}

// NotFoundError reports a table that the project does not publish: exit code 3.
type NotFoundError struct {
	Table  string
	Tables []string // that it publishes
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("table %s not found: the tables are %s", e.Table, joined(e.Tables))
}

// Class is Data: a repeated call gives the same answer.
func (e *NotFoundError) Class() failure.Class { return failure.Data }

// ExitCode is 3 (DESIGN §7).
func (e *NotFoundError) ExitCode() int { return 3 }

// Tables lists the tables that the project publishes.
func (p *Publisher) Tables(ctx context.Context) ([]string, error) {
	list, err := p.sources(ctx)
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].table
	}
	return names, err
}

func (p *Publisher) source(ctx context.Context, table string) (source, error) {
	list, err := p.sources(ctx)
	if err != nil {
		return source{}, err
	}
	for _, s := range list {
		if s.table == table {
			return s, nil
		}
	}
	names, err := p.Tables(ctx)
	return source{}, cmp.Or(err, error(&NotFoundError{table, names}))
}

// Publish adds one group of batches or runs to a table, in one transaction, and returns what it did. If nothing is missing it does nothing.
// Whoever gets an error after which the outcome is unknown calls it again: the record in the warehouse says what is there.
func (p *Publisher) Publish(ctx context.Context, table string) (Result, error) {
	return p.publish(ctx, table, false)
}

// Again makes a table from the beginning, whatever somebody has changed in it.
func (p *Publisher) Again(ctx context.Context, table string) (Result, error) {
	return p.publish(ctx, table, true)
}

func (p *Publisher) publish(ctx context.Context, table string, again bool) (out Result, err error) {
	began := time.Now()
	s, err := p.source(ctx, table)
	if err != nil {
		return out, err
	}
	s.again = again
	db, err := p.Open(ctx)
	if err != nil {
		return out, err
	}
	if s.stream != nil {
		out, err = p.publishEvents(ctx, db, s)
	} else {
		out, err = p.publishArtifacts(ctx, db, s)
	}
	if err != nil {
		return out, fmt.Errorf("publish %s: %w", table, err)
	}
	out.Table, out.Source, out.Seconds = table, s.name(), time.Since(began).Seconds()
	return out, nil
}
