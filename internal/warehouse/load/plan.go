// Planning: which objects a load reads, by comparing those that exist with the journal.

package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// run is one call of Run or Validate.
type run struct {
	l        *Loader
	declared *project.Load
	options  Options
	source   Source
	rows     *scan.Plan
	columns  []column.Field // of the table
	attempt  string
	started  time.Time
	result   Result

	validating bool
	all        []Object // with validating: every object of the load

	// What plan finds.
	history history
	added   []column.Field // columns that the table lacks
	mode    mode
	from    project.Period // with replaceFrom
	todo    []Object       // sorted by name
	staged  []object       // by an interrupted load that is continued, and by this one
	touched []object       // objects whose listing has changed, but not their content

	stagedBytes int64         // of objects that were staged before
	refused     []*refusedRow // by the database, so far
	damaged     int64         // objects that were left out because they cannot be read
}

// mode is what becomes of the rows in the table.
type mode byte

const (
	addRows     mode = iota // they stay
	replaceAll              // the rows of all objects replace them
	replaceFrom             // those of a period on are replaced
)

// scope describes the objects that a load reads.
func (r *run) scope() string {
	switch r.mode {
	case replaceAll:
		return "all objects"
	case replaceFrom:
		return "from " + r.declared.Series.By.Text(r.from)
	}
	return "new objects"
}

func (l *Loader) begin(ctx context.Context, declared *project.Load, o Options) (*run, error) {
	rows, err := scan.NewLoadPlan(declared)
	if err != nil {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("load %s: %w", declared.Name, err))
	}
	source, err := l.config.Source(ctx, declared)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", declared.Name, err)
	}
	return &run{l: l, declared: declared, options: o, source: source, rows: rows, columns: tableColumns(declared), attempt: rand.Text(), started: l.config.Now()}, nil
}

// failed adds the load's name to an error.
func (r *run) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("load %s: %w", r.declared.Name, err)
}

// plan compares the objects that exist with the journal.
func (r *run) plan(ctx context.Context) (err error) {
	r.result = Result{Load: r.declared.Name, Table: r.declared.Table, Strategy: string(r.declared.Strategy)}
	r.added, r.all, r.todo, r.staged, r.touched, r.mode, r.stagedBytes, r.damaged = nil, nil, nil, nil, nil, addRows, 0, 0
	listing, err := r.compare(ctx)
	if err != nil {
		return err
	}
	r.all = listing.objects
	switch {
	case r.declared.Strategy == project.TimeSeries:
		err = r.planSeries(ctx, &listing)
	case r.options.Reload, r.declared.Strategy == project.Bulk:
		err = r.planAll(ctx, &listing)
	default:
		err = r.planNew(ctx, &listing)
	}
	if err != nil {
		return err
	}
	slices.SortFunc(r.todo, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	r.continueStaged()
	return nil
}

// hasWork reports whether anything is to be written.
func (r *run) hasWork() bool {
	return len(r.todo) > 0 || len(r.staged) > 0 || r.mode == replaceFrom || len(r.added) > 0 || len(r.touched) > 0 || r.history.lacksView
}

// planAll loads everything, unless nothing differs from what is loaded.
func (r *run) planAll(ctx context.Context, all *listing) error {
	r.mode = replaceAll
	last := r.history.Last
	same := r.result.Known == all.total && all.missing == 0 && last != nil && last.Declared == declarationDigest(r.declared) && len(r.added) == 0
	if same && !r.options.Reload {
		return nil
	}
	r.todo, r.added, r.result.Known = all.objects, nil, 0
	return r.noteRemoved(ctx, all)
}

// noteRemoved reports the objects that do not exist any more, and whose rows are replaced.
func (r *run) noteRemoved(ctx context.Context, all *listing) error {
	if all.missing == 0 {
		return nil
	}
	d, err := r.readDetails(ctx, nil)
	for i := range d.gone {
		r.result.Removed.add(d.gone[i].Name)
	}
	return err
}

// planNew loads the objects that are not in the journal.
func (r *run) planNew(ctx context.Context, other *listing) error {
	var suspects []Object
	for _, o := range other.objects {
		switch loaded, same := r.isKnown(&o); {
		case !loaded && o.isUnfinished():
			r.result.LeftOut = append(r.result.LeftOut, LeftOut{o.Name, "it is empty, and no compressed file is: it is loaded when it is complete"})
		case !loaded:
			r.todo = append(r.todo, o)
		case !same:
			suspects = append(suspects, o)
		}
	}
	if len(suspects) == 0 && other.missing == 0 {
		return nil
	}
	d, err := r.readDetails(ctx, suspects)
	if err != nil {
		return err
	}
	for i := range d.gone {
		r.result.Vanished.add(d.gone[i].Name)
	}
	changed, err := r.compareSuspects(ctx, suspects, d.found)
	if err != nil {
		return err
	}
	return r.findRenamed(ctx, d.renamed.notRenamed(append(d.gone, changed...)))
}

// continueStaged takes over what an interrupted load of the same objects has staged. If anything of it differs, it is read again.
func (r *run) continueStaged() {
	open := r.history.Open
	if open == nil {
		return
	}
	r.staged = r.history.Staged
	now := r.record(open.Number)
	listed := make(map[string]*Object, len(r.todo))
	for i := range r.todo {
		listed[r.todo[i].Name] = &r.todo[i]
	}
	same := now.isSameWork(open) && len(r.todo) > 0
	for i := range r.staged {
		o, found := listed[r.staged[i].Name]
		same = same && found && o.isAsListed(&r.staged[i].Object)
	}
	if !same {
		r.staged = nil
		return
	}
	r.stagedBytes = sumOf(r.staged).Bytes
	known := make(map[string]bool, len(r.staged))
	for i := range r.staged {
		known[r.staged[i].Name] = true
	}
	r.todo = slices.DeleteFunc(r.todo, func(o Object) bool { return known[o.Name] })
}

// record describes this load for the journal.
func (r *run) record(number int64) *record {
	return &record{
		Number: number, Load: r.declared.Name, Strategy: string(r.declared.Strategy), Table: r.declared.Table, Source: r.declared.From, Scope: r.scope(),
		Columns: r.define(), Declared: declarationDigest(r.declared), Attempt: r.attempt,
		Project: r.l.config.ProjectID, Replaced: r.mode != addRows,
	}
}
