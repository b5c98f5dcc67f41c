// Trace: from an artifact back to its runs, batches and events, and to where each event was read.

package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// Traced is an artifact with the runs that changed it.
type Traced struct {
	Key       json.RawMessage `json:"key"`
	Run       uint64          `json:"run"` // the last run that changed it
	Watermark *time.Time      `json:"watermark"`
	Runs      []TracedRun     `json:"runs"` // oldest first

	// Undone lists the undone retractions of these events or of their batches.
	Undone []event.Undone `json:"undone,omitempty"`
}

// TracedRun is what one run did to an artifact.
type TracedRun struct {
	Run      uint64          `json:"run"`
	Batches  []TracedBatch   `json:"batches"`
	Events   int64           `json:"events"`
	Artifact json.RawMessage `json:"artifact"` // after the run
}

// TracedBatch is a batch that contains events of the artifact.
type TracedBatch struct {
	Stream string    `json:"stream"`
	Batch  uint64    `json:"batch"`
	Sealed time.Time `json:"sealed"`
	Events int64     `json:"events"` // of the artifact
}

// TracedEvent is one event of an artifact, with the place where it was read.
type TracedEvent struct {
	Run    uint64          `json:"run"`
	Stream string          `json:"stream"`
	Batch  uint64          `json:"batch"`
	ID     json.RawMessage `json:"id"` // a JSON value; an array if the id has several columns
	File   string          `json:"file"`
	Row    int64           `json:"row"`   // 1-based line where its record starts
	Event  json.RawMessage `json:"event"` // every column of the stream

	// Received orders the versions of an event: the number of the file in which this version was received, and its row there. It is
	// nil for streams that do not keep versions.
	Received *event.Place `json:"received,omitempty"`
}

// UntracedError reports that a run counted other events than its batches contain (rule 4).
type UntracedError struct {
	failure.Unbalanced

	text string
}

func (e *UntracedError) Error() string { return e.text }

// Trace calls each with every event of an artifact: by run, stream, batch, file and row; for a stream that keeps versions by run
// and receipt. The key is given as for Get. For each run the number of events found must equal the number that it folded.
func (e *Reader) Trace(ctx context.Context, pipeline, key string, each func(TracedEvent) error) (traced Traced, err error) {
	err = e.read(ctx, pipeline, e.openSnapshot, func(q *Snapshot, emitted *bool) (err error) {
		traced, err = e.trace(ctx, q, key, func(found TracedEvent) error {
			*emitted = true
			return each(found)
		})
		return err
	})
	return traced, keyNotFound(err, pipeline, key)
}

func (e *Reader) trace(ctx context.Context, q *Snapshot, key string, each func(TracedEvent) error) (Traced, error) {
	columns, err := parseKey(q.Plan, key)
	if err != nil {
		return Traced{}, failure.Wrap(failure.Data, err)
	}
	versions, err := e.versions(ctx, q, columns, q.Generation.Published, true)
	if err != nil {
		return Traced{}, err
	}
	sample, remove, err := e.SpillRows("trace", q.Plan.Key, columns)
	if err != nil {
		return Traced{}, err
	}
	defer remove()
	traced := Traced{Key: reconcile.KeyJSON(columns, 0), Run: versions[0].Run, Watermark: q.Generation.Watermark}
	undone, err := e.undone(ctx, q.Plan)
	if err != nil {
		return Traced{}, err
	}
	before := int64(0)
	for _, v := range slices.Backward(versions) {
		run, err := runs.Find(ctx, e.Catalog, q.Generation.RunRef(v.Run))
		if err != nil {
			return Traced{}, err
		}
		t := tracer{Engine: e.Engine, plan: q.Plan, key: sample, run: &run, each: each, undone: undone}
		if err := t.trace(ctx); err != nil {
			return Traced{}, fmt.Errorf("trace %s in %s: %w", key, q.Generation.Pipeline, err)
		}
		if folded := v.events - before; t.found != folded {
			what := fmt.Sprintf("run %d folded %s into key %s, but its batches contain %d", v.Run, reconcile.Plural(folded, "event"), traced.Key, t.found)
			return Traced{}, &UntracedError{text: what}
		}
		before = v.events
		traced.Runs = append(traced.Runs, TracedRun{Run: v.Run, Batches: t.batches, Events: t.found, Artifact: v.Artifact})
	}
	for i := range undone {
		if undone[i].matched {
			traced.Undone = append(traced.Undone, undone[i].Undone)
		}
	}
	return traced, nil
}

// undoneRetraction is an undone retraction, and whether it applied to one of the traced events.
type undoneRetraction struct {
	event.Undone
	matched bool
}

func (e *Reader) undone(ctx context.Context, plan *fold.Plan) (all []undoneRetraction, err error) {
	for _, s := range plan.Events.Streams {
		list, err := event.UndoneRetractions(ctx, e.Catalog, s.Name)
		if err != nil {
			return nil, err
		}
		for _, u := range list {
			all = append(all, undoneRetraction{Undone: u})
		}
	}
	return all, nil
}

// tracer finds a key's events in the batches of one run.
type tracer struct {
	*reconcile.Engine
	plan *fold.Plan
	key  string // SELECT of the one key
	run  *runs.Run
	each func(TracedEvent) error

	undone  []undoneRetraction
	batches []TracedBatch // that contain such events
	found   int64
}

func (t *tracer) trace(ctx context.Context) error {
	batches, err := runs.ReadBatches(ctx, t.Catalog, t.Project, t.run)
	if err != nil {
		return err
	}
	if err := event.CheckObjects(ctx, t.Objects, batches, t.Workers); err != nil {
		return err
	}
	for _, s := range t.plan.Events.Streams {
		own := event.FilterStream(batches, s.Name)
		if len(own) == 0 {
			continue
		}
		if err := t.traceStream(ctx, s, own); err != nil {
			return err
		}
	}
	return nil
}

func (t *tracer) traceStream(ctx context.Context, s *project.Stream, batches []event.Batch) error {
	files := t.Objects.Files()
	defer files.Release()
	views := map[string]string{
		"events": numberedSQL(batches, func(b []event.Batch) string { return event.ViewSQL(files, s, b) }), "traced": t.key,
	}
	join, key := make([]string, len(t.plan.Events.Key)), make([]string, len(t.plan.Events.Key))
	for i, k := range t.plan.Events.Key {
		key[i] = fmt.Sprintf("%s AS __traced_%d", k.Parts[s.Name].SQL, i)
		join[i] = fmt.Sprintf("e.__traced_%d = traced.%s", i, column.QuoteIdentifier(k.Name))
	}
	p := newEventPrinter(s)
	order := []string{batchColumn, event.FileColumn, event.RowColumn}
	if s.Versions {
		order = order[1:]
	}
	sql := fmt.Sprintf("SELECT %s FROM (SELECT *, %s FROM events) AS e SEMI JOIN traced ON %s ORDER BY %s", fold.Names(p.fields),
		strings.Join(key, ", "), strings.Join(join, " AND "), strings.Join(order, ", "))
	return p.eachEvent(ctx, t.Engine, files, views, sql, func(found TracedEvent, _ json.RawMessage) error {
		found.Run = t.run.Run
		t.count(&found, batches)
		return t.each(found)
	})
}

// count adds an event to the counts of its run and batch.
func (t *tracer) count(found *TracedEvent, batches []event.Batch) {
	t.found++
	for i := range t.undone {
		if u := &t.undone[i]; u.Stream == found.Stream && u.Batch == found.Batch && (u.Event == "" || u.Event == string(found.ID)) {
			u.matched = true
		}
	}
	n := slices.IndexFunc(t.batches, func(b TracedBatch) bool { return b.Batch == found.Batch && b.Stream == found.Stream })
	if n < 0 {
		n = len(t.batches)
		at := slices.IndexFunc(batches, func(b event.Batch) bool { return b.Batch == found.Batch })
		t.batches = append(t.batches, TracedBatch{Stream: found.Stream, Batch: found.Batch, Sealed: batches[at].Sealed})
	}
	t.batches[n].Events++
}
