// Package load loads objects of a folder or bucket into tables of the warehouse, as the project's loads declare. It owns the journal of
// what is loaded, and guarantees that no object is loaded twice or in part: a table and the journal change in one transaction. Memory is
// bounded for any number of rows and any size of objects. It must not know where objects are kept, or who starts a load.
package load

import (
	"cmp"
	"context"
	"errors"
	"time"

	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
)

// Config is what loads work with.
type Config struct {
	Database warehouse.Database
	// ProjectID is recorded in the journal; that of another project is refused.
	ProjectID string
	Archive   *archive.Archiver // of the tables of loads
	// Source opens the place that a load reads from.
	Source  func(ctx context.Context, l *project.Load) (Source, error)
	Scratch string // a folder for temporary files
	Workers int    // goroutines that parse
	Now     func() time.Time

	// The largest group of objects that is committed together; 0 is the default.
	GroupBytes   int64
	GroupObjects int
}

// The default bounds of a group. While one is loaded, others wait to write to the warehouse.
const (
	groupBytes   = 512 << 20
	groupObjects = 20_000
)

// Loader executes loads.
type Loader struct{ config Config }

// New returns a loader.
func New(c Config) *Loader {
	c.GroupBytes, c.GroupObjects = cmp.Or(c.GroupBytes, groupBytes), cmp.Or(c.GroupObjects, groupObjects)
	c.Workers = max(c.Workers, 1)
	return &Loader{c}
}

// Options are those of one call.
type Options struct {
	Reload   bool            // all objects are loaded again, and their rows replace the table
	From     *project.Period // of a time series: the first period that is replaced; nil: the first that differs
	Progress func(Progress)  // called from several goroutines; may be nil
}

// Progress is how far a load has come.
type Progress struct{ Read, Total int64 } // bytes of objects

// Result is what a load has done, or with Validate what it would do.
type Result struct {
	Load     string  `json:"load"`
	Table    string  `json:"table"`
	Strategy string  `json:"strategy"`
	Number   int64   `json:"number"` // of the load in the journal; 0: nothing was loaded
	Objects  int64   `json:"objects"`
	Rows     int64   `json:"rows"`
	Rejected int64   `json:"rejected"`
	Bytes    int64   `json:"bytes"`
	Known    int64   `json:"known"` // objects that are as they were loaded before
	Seconds  float64 `json:"seconds"`

	From       string   `json:"from,omitempty"` // of a time series: the period from which rows were replaced
	Added      []string `json:"columns_added,omitempty"`
	Undeclared []string `json:"undeclared,omitempty"` // some properties that are not declared

	Changed  Names     `json:"changed"`  // objects that are not as they were loaded
	Vanished Names     `json:"vanished"` // objects that were loaded and do not exist any more; their rows stay
	Removed  Names     `json:"removed"`  // the same, and their rows were replaced: of a time series, or of all objects, also of periods that are not loaded any more
	Renamed  Names     `json:"renamed"`  // new objects with the content that another one does not have any more: it is loaded
	Late     Names     `json:"late"`     // new objects of periods that a time series has passed
	LeftOut  []LeftOut `json:"left_out"` // objects that could not be loaded
	Rejects  []Reject  `json:"rejects"`  // the first of them
}

// Names counts objects, and names the first.
type Names struct {
	Count int64    `json:"count"`
	Names []string `json:"names"`
}

// maxNames bounds the objects that a result names.
const maxNames = 100

func (n *Names) add(name string) {
	if n.Count++; len(n.Names) < maxNames {
		n.Names = append(n.Names, name)
	}
}

// LeftOut is an object that was not loaded, and why. The next load tries it again.
type LeftOut struct {
	Object string `json:"object"`
	Reason string `json:"reason"`
}

// Reject is a row that was not loaded.
type Reject struct {
	Object string `json:"object"`
	Line   int64  `json:"line"`
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
}

// errReplan is the error of a transaction that finds another state than the one that the load was planned on.
var errReplan = failure.Wrap(failure.Transient, errors.New("another process has loaded objects of this load meanwhile"))

// maxPlans is how often a load is planned again because another process was faster.
const maxPlans = 5

// Run executes a load.
func (l *Loader) Run(ctx context.Context, declared *project.Load, o Options) (Result, error) {
	began := l.config.Now()
	r, err := l.begin(ctx, declared, o)
	if err != nil {
		return Result{}, err
	}
	for range maxPlans {
		if err = r.plan(ctx); err == nil && r.hasWork() {
			err = r.load(ctx)
		}
		if !errors.Is(err, errReplan) {
			break
		}
	}
	return r.finished(began, err), r.failed(err)
}

// finished returns the result. Its lists are never nil, so that they are lists in JSON. After an error no rows were removed.
func (r *run) finished(began time.Time, err error) Result {
	if removed := &r.result.Removed; err != nil && !r.validating {
		for _, name := range removed.Names {
			r.result.Vanished.add(name)
		}
		r.result.Vanished.Count += removed.Count - int64(len(removed.Names))
		*removed = Names{}
	}
	r.result.Seconds = r.l.config.Now().Sub(began).Seconds()
	for _, list := range []*Names{&r.result.Changed, &r.result.Vanished, &r.result.Removed, &r.result.Renamed, &r.result.Late} {
		list.Names = orEmpty(list.Names)
	}
	r.result.LeftOut, r.result.Rejects = orEmpty(r.result.LeftOut), orEmpty(r.result.Rejects)
	return r.result
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
