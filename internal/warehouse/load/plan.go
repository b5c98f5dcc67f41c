// Planning: which objects a load reads, by comparing those that exist with the journal.

package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
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
	staged  []object       // by an interrupted load that is continued
	touched []object       // objects whose listing has changed, but not their content

	refused []*refusedRow // by the database, so far
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
	r.added, r.all, r.todo, r.staged, r.touched, r.mode = nil, nil, nil, nil, nil, addRows
	listing, err := r.compare(ctx)
	if err != nil {
		return err
	}
	r.all = listing.objects
	switch {
	case r.declared.Strategy == project.TimeSeries:
		err = r.planSeries(ctx, &listing)
	case r.options.Reload, r.declared.Strategy == project.Bulk:
		r.planAll(&listing)
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
	return len(r.todo) > 0 || len(r.staged) > 0 || r.mode == replaceFrom || len(r.added) > 0 || len(r.touched) > 0
}

// listing is the objects that exist.
type listing struct {
	objects []Object // with a new load or replaceAll: all; else those that are not as they were loaded
	total   int64
	missing int64 // objects of the journal that do not exist
}

// listedAhead is how many batches of objects are listed before the journal is read.
const listedAhead = 100

// compare lists the objects while it reads the journal, and compares them.
func (r *run) compare(ctx context.Context) (out listing, err error) {
	group, listing := errgroup.WithContext(ctx)
	batches := make(chan []Object, listedAhead)
	group.Go(func() error {
		defer close(batches)
		return r.list(listing, batches)
	})
	group.Go(func() error {
		if err := r.readHistory(listing); err != nil {
			return err
		}
		if r.added, err = r.checkTable(); err != nil {
			return err
		}
		for batch := range batches {
			for i := range batch {
				r.compareObject(&batch[i], &out)
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return out, err
	}
	if out.total == 0 {
		return out, failure.Wrap(failure.Data, fmt.Errorf("%s contains no objects%s; check `from` in %s", r.declared.From, r.matching(), r.at("from")))
	}
	for _, k := range r.history.known {
		if !k.listed {
			out.missing++
		}
	}
	return out, nil
}

// list sends the objects in batches.
func (r *run) list(ctx context.Context, batches chan<- []Object) error {
	var batch []Object
	send := func() error {
		select {
		case batches <- batch:
			batch = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := r.source.List(ctx, func(o Object) error {
		if !matches(r.declared.Match, o.Name) {
			return nil
		}
		if batch = append(batch, o); len(batch) == batchRows {
			return send()
		}
		return nil
	})
	if err == nil {
		err = send()
	}
	return err
}

// compareObject compares an object with the journal, and keeps it if it is needed.
func (r *run) compareObject(o *Object, out *listing) {
	out.total++
	key := nameDigest(o.Name)
	k, isKnown := r.history.known[key]
	if isKnown {
		k.listed = true
		r.history.known[key] = k
	}
	same := isKnown && k.version == o.version()
	if same {
		r.result.Known++
	}
	if !same || r.declared.Strategy != project.Manifest || r.options.Reload || r.validating {
		out.objects = append(out.objects, *o)
	}
}

func (r *run) matching() string {
	if r.declared.Match == "" {
		return ""
	}
	return " that match " + r.declared.Match
}

// isKnown reports whether an object was loaded, and whether it is as it was then.
func (r *run) isKnown(o *Object) (loaded, same bool) {
	k, loaded := r.history.known[nameDigest(o.Name)]
	return loaded, loaded && k.version == o.version()
}

// planAll loads everything, unless nothing differs from what is loaded.
func (r *run) planAll(all *listing) {
	r.mode = replaceAll
	last := r.history.Last
	same := r.result.Known == all.total && all.missing == 0 && last != nil && last.Declared == declarationDigest(r.declared) && len(r.added) == 0
	if same && !r.options.Reload {
		return
	}
	r.todo, r.added, r.result.Known = all.objects, nil, 0
}

// planNew loads the objects that are not in the journal.
func (r *run) planNew(ctx context.Context, other *listing) error {
	var suspects []Object
	for _, o := range other.objects {
		switch loaded, same := r.isKnown(&o); {
		case !loaded:
			r.todo = append(r.todo, o)
		case !same:
			suspects = append(suspects, o)
		}
	}
	if len(suspects) == 0 && other.missing == 0 {
		return nil
	}
	gone := map[int64][]object{} // by size
	before, err := r.details(ctx, suspects, func(o *object) {
		r.result.Vanished.add(o.Name)
		gone[o.Size] = append(gone[o.Size], *o)
	})
	if err != nil {
		return err
	}
	if err := r.compareSuspects(ctx, suspects, before); err != nil {
		return err
	}
	return r.findRenamed(ctx, gone)
}

// compareSuspects reports the objects that are not as they were loaded. A copy of the same content is.
func (r *run) compareSuspects(ctx context.Context, suspects []Object, before map[string]object) error {
	for i := range suspects {
		now := before[suspects[i].Name]
		same, err := r.hasContent(ctx, &suspects[i], &now)
		if err != nil {
			return err
		}
		if !same {
			r.result.Changed.add(suspects[i].Name)
			continue
		}
		r.result.Known++
		now.Object = suspects[i]
		r.touched = append(r.touched, now)
	}
	return nil
}

// findRenamed leaves out new objects with the content of one that does not exist any more: its rows are loaded. The journal knows them from
// now on, without rows.
func (r *run) findRenamed(ctx context.Context, gone map[int64][]object) error {
	var todo []Object
	for i := range r.todo {
		o := &r.todo[i]
		from, err := r.renamedFrom(ctx, o, gone[o.Size])
		if err != nil {
			return err
		}
		if from == nil {
			todo = append(todo, *o)
			continue
		}
		r.result.Known++
		r.result.Renamed.add(o.Name + ", which was " + from.Name)
		r.touched = append(r.touched, object{Object: *o, Digest: from.Digest, Number: from.Number})
	}
	r.todo = todo
	return nil
}

// renamedFrom returns the object that was renamed to this one, or nil.
func (r *run) renamedFrom(ctx context.Context, o *Object, gone []object) (*object, error) {
	if o.Size == 0 || len(gone) == 0 {
		return nil, nil
	}
	digest := ""
	for i := range gone {
		if o.ETag != "" && o.ETag == gone[i].ETag {
			return &gone[i], nil
		}
	}
	for i := range gone {
		if gone[i].Digest == "" {
			continue
		}
		if digest == "" {
			var err error
			if digest, err = r.contentDigest(ctx, o); err != nil || digest == "" {
				return nil, err
			}
		}
		if digest == gone[i].Digest {
			return &gone[i], nil
		}
	}
	return nil, nil
}

// details reads the journal again: what is known of some objects. It calls vanished with those that do not exist any more.
func (r *run) details(ctx context.Context, suspects []Object, vanished func(*object)) (map[string]object, error) {
	wanted, found := map[string]bool{}, map[string]object{}
	for _, o := range suspects {
		wanted[o.Name] = true
	}
	var gone []object
	err := r.db().Read(ctx, func(ctx context.Context, reader warehouse.Reader) error {
		gone = nil
		return eachObject(ctx, reader, objectsTable, r.declared.Name, func(o *object) error {
			if wanted[o.Name] {
				found[o.Name] = *o
			}
			if k, isKnown := r.history.known[nameDigest(o.Name)]; isKnown && !k.listed {
				gone = append(gone, *o)
			}
			return nil
		})
	})
	for i := range gone {
		vanished(&gone[i])
	}
	return found, err
}

// hasContent reports whether an object has the content that was loaded, although its listing differs: it was copied, for example.
func (r *run) hasContent(ctx context.Context, o *Object, before *object) (bool, error) {
	if before.Digest == "" || before.Size != o.Size {
		return false, nil
	}
	digest, err := r.contentDigest(ctx, o)
	return digest == before.Digest, err
}

// contentDigest reads an object. The digest is empty if the object has changed meanwhile.
func (r *run) contentDigest(ctx context.Context, o *Object) (digest string, err error) {
	in, err := r.source.Open(ctx, *o)
	if err == nil {
		digest, err = digestOf(ctx, io.NewSectionReader(in, 0, o.Size))
		err = errors.Join(err, in.Close())
	}
	if errors.Is(err, ErrGone) || errors.Is(err, ErrReplaced) {
		return "", nil
	}
	if err != nil {
		return "", objectError(o.Name, err)
	}
	return digest, nil
}

// digestOf reads all of an object.
func digestOf(ctx context.Context, in io.Reader) (string, error) {
	hash := xxh3.New()
	block := make([]byte, 1<<16)
	for ctx.Err() == nil {
		n, err := in.Read(block)
		_, _ = hash.Write(block[:n]) // a hash never fails
		if errors.Is(err, io.EOF) {
			return digestText(hash), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", ctx.Err()
}

func digestText(hash *xxh3.Hasher) string {
	sum := hash.Sum128()
	return column.Digest{Hi: sum.Hi, Lo: sum.Lo}.String()
}

func objectError(name string, err error) error { return fmt.Errorf("object %s: %w", name, err) }

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
		same = same && found && o.version() == r.staged[i].version()
	}
	if !same {
		r.staged = nil
		return
	}
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
		Columns: define(r.columns), Declared: declarationDigest(r.declared), Attempt: r.attempt,
	}
}
