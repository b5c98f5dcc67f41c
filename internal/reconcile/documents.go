// Generations and runs as documents of the catalog.

package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// Generation is one complete state of a pipeline, stored as a catalog document.
type Generation struct {
	Pipeline       string            `json:"pipeline"`
	Generation     uint64            `json:"generation"`
	Fingerprint    map[string]string `json:"fingerprint"`         // of each definition that its records depend on
	LastBatch      StreamNumbers     `json:"taken"`               // by stream: the last batch that is in a run
	BuildUntil     StreamNumbers     `json:"until,omitempty"`     // by stream, during a rebuild: the last batch to fold
	LastRetraction StreamNumbers     `json:"retracted,omitempty"` // by stream: the last retraction that was applied
	GivenUp        []string          `json:"given_up,omitempty"`  // lost batches and retractions that were excluded
	Runs           uint64            `json:"runs"`                // number of the last planned run
	Published      uint64            `json:"published"`           // number of the last run that readers see
	Artifacts      int64             `json:"artifacts"`
	Events         *int64            `json:"events,omitempty"`  // folded by all published runs, and so in all artifacts (rule 4)
	FoldCounts     *FoldCounts       `json:"given,omitempty"`   // of those published runs that were counted
	Unkeyed        map[string]int64  `json:"unkeyed,omitempty"` // by stream: events without a key in published runs; they are in no artifact
	Watermark      *time.Time        `json:"watermark"`         // everything received before it is included; nil until every stream has a batch

	// Included is the time when the last included batch was sealed, by stream as named in BatchRef.
	Included map[string]time.Time `json:"included,omitempty"`
}

// include moves the watermark over batches. With several streams the watermark is that of the stream furthest behind: events
// of that stream received later are not included yet, although other streams may be ahead.
func (g *Generation) include(refs []BatchRef, batches []event.Batch, streams int) {
	if g.Included == nil {
		g.Included = map[string]time.Time{}
	}
	for i, ref := range refs {
		if sealed := batches[i].Sealed; sealed.After(g.Included[ref.Stream]) {
			g.Included[ref.Stream] = sealed
		}
	}
	if len(g.Included) < streams {
		return
	}
	furthest := slices.MinFunc(slices.Collect(maps.Values(g.Included)), time.Time.Compare)
	g.Watermark = &furthest
}

// Run is one pass over batches, stored as a catalog document. A step is done when it is in Steps.
type Run struct {
	Pipeline   string                  `json:"pipeline"`
	Generation uint64                  `json:"generation"`
	Run        uint64                  `json:"run"`
	Batches    []BatchRef              `json:"batches"` // fixed when the run is planned
	Events     int64                   `json:"events"`
	Totals     event.Totals            `json:"totals"` // of the batches: by how much the totals of artifacts must change
	Steps      map[StepName]StepRecord `json:"steps"`
	Partitions int                     `json:"partitions"`       // how many parts each step is split into, by key; fixed with the batches
	Split      string                  `json:"split,omitempty"`  // how keys are assigned to partitions; empty is splitByDuckDB
	Resets     int                     `json:"resets,omitempty"` // how often its steps were discarded to start from the events again
	AsOf       *uint64                 `json:"as_of,omitempty"`  // the last indexed run when prefetch began: the prefetched state is as of it
	Created    int64                   `json:"created"`
	Updated    int64                   `json:"updated"`
	Balanced   bool                    `json:"balanced"`
	FoldCounts *FoldCounts             `json:"given,omitempty"`
	Unkeyed    Unkeyed                 `json:"unkeyed,omitempty"` // the part of Events and Totals that is in no artifact
	Trouble    *Trouble                `json:"trouble,omitempty"` // of the last attempt; cleared when a step succeeds
}

// Trouble is why a run does not proceed.
type Trouble struct {
	Step    StepName        `json:"step"`
	Class   string          `json:"class"`
	Message string          `json:"message"`
	Key     json.RawMessage `json:"key,omitempty"` // of the event or artifact that a declared expression fails on
	At      time.Time       `json:"at"`
}

// StepRecord records that a step is done.
type StepRecord struct {
	Done    time.Time `json:"done"`
	Seconds float64   `json:"seconds"` // of the slowest partition's activity, if any, plus the step's own time
	Rows    int64     `json:"rows"`
	Shares  []Share   `json:"shares,omitempty"` // by partition
}

// Share is the result of a step for one partition.
type Share struct {
	Rows       int64                `json:"rows"`
	Objects    []object.Description `json:"objects,omitempty"` // a delta, a state, or parts
	Events     int64                `json:"events,omitempty"`  // reduce: events folded; merge: how many events the artifacts gained
	Totals     event.Totals         `json:"totals,omitempty"`  // merge: by how much the artifacts changed; reduce: sums of the events
	FoldCounts *FoldCounts          `json:"given,omitempty"`   // reduce
	Unkeyed    Unkeyed              `json:"unkeyed,omitempty"` // reduce
	Created    int64                `json:"created,omitempty"` // merge: new artifacts
	AsOf       uint64               `json:"as_of,omitempty"`   // prefetch and merge: the run that the state is as of
	Resets     int                  `json:"resets,omitempty"`  // Resets of the run when the partition started
	Seconds    float64              `json:"seconds,omitempty"` // duration, if an activity did it
}

// pipelineState names the generation that readers see and the one that a rebuild is making.
type pipelineState struct {
	Generation uint64 `json:"generation"`
	Building   uint64 `json:"building,omitempty"`
}

// next is the number of the next generation. The number of a discarded generation is not reused.
func (s *pipelineState) next() uint64 { return max(s.Generation, s.Building) + 1 }

// missing explains why there is no generation for readers; nil for a pipeline that has never run. After an interrupted repair
// only the generation that its rebuild is making exists.
func (s *pipelineState) missing(pipeline string) error {
	switch {
	case s.Generation > 0:
		return failure.Wrap(failure.Data, fmt.Errorf("generation %d of %s is not in the catalog: run `bursar repair`", s.Generation, pipeline))
	case s.Building > 0:
		return failure.Wrap(failure.Data, fmt.Errorf("a rebuild of %s was started but is not complete, and there is no other generation: run `bursar rebuild %s`", pipeline, pipeline))
	}
	return nil
}

func pipelineKey(pipeline string) string { return "pipeline/" + pipeline }

func generationKey(pipeline string, generation uint64) string {
	return fmt.Sprintf("generation/%s/g%04d", pipeline, generation)
}

func runPrefix(pipeline string, generation uint64) string {
	return fmt.Sprintf("run/%s/g%04d/", pipeline, generation)
}

func runKey(ref RunRef) string {
	return fmt.Sprintf("%s%08d", runPrefix(ref.Pipeline, ref.Generation), ref.Run)
}

// sharePrefix is the prefix of shares, which are stored until all partitions have done the step.
func sharePrefix(ref RunRef) string {
	return fmt.Sprintf("share/%s/g%04d/%08d/", ref.Pipeline, ref.Generation, ref.Run)
}

func shareKey(ref RunRef, step StepName, partition int) string {
	return fmt.Sprintf("%s%s/%04d", sharePrefix(ref), step, partition)
}

// objects returns the objects that a step made for one partition.
func (r *Run) objects(step StepName, partition int) []object.Description {
	if shares := r.Steps[step].Shares; partition < len(shares) {
		return shares[partition].Objects
	}
	return nil
}

// due returns the first step before the given one that is not recorded, else the given step.
func (r *Run) due(step StepName) StepName {
	if _, done := r.Steps[step]; done {
		return step
	}
	for _, earlier := range StepNames[:max(slices.Index(StepNames, step), 0)] {
		if _, done := r.Steps[earlier]; !done {
			return earlier
		}
	}
	return step
}

// stepObjects returns all objects of a step, partition by partition.
func (r *Run) stepObjects(step StepName) (all []object.Description) {
	for _, share := range r.Steps[step].Shares {
		all = append(all, share.Objects...)
	}
	return all
}

// Parts returns all parts of the run.
func (r *Run) Parts() []object.Description { return r.stepObjects(StepMerge) }

func (r *Run) ref() RunRef { return RunRef{r.Pipeline, r.Generation, r.Run} }

func (r *Run) space() artifact.Space {
	return artifact.Space{Pipeline: r.Pipeline, Generation: r.Generation}
}

func (g *Generation) space() artifact.Space {
	return artifact.Space{Pipeline: g.Pipeline, Generation: g.Generation}
}

// objectName names an object that a step makes (rule 5).
func (r *Run) objectName(step StepName, partition int) string {
	return fmt.Sprintf("%sruns/%08d/%s-%04d.parquet", artifact.SpacePrefix(r.space()), r.Run, step, partition)
}

func getRun(tx catalog.Tx, ref RunRef) (Run, error) {
	var run Run
	ok, err := tx.Get(runKey(ref), &run)
	if err == nil && !ok {
		err = &NotFoundError{What: fmt.Sprintf("run %d of %s, generation %d", ref.Run, ref.Pipeline, ref.Generation)}
	}
	return run, err
}

// run reads one run.
func (e *Engine) run(ctx context.Context, ref RunRef) (run Run, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		run, err = getRun(tx, ref)
		return err
	})
	return run, err
}

// Runs lists the runs of a generation with numbers above after, in order.
func (e *Engine) Runs(ctx context.Context, pipeline string, generation, after uint64) ([]Run, error) {
	var runs []Run
	err := e.Catalog.View(ctx, func(tx catalog.Tx) error {
		runs = nil
		last := runKey(RunRef{pipeline, generation, after})
		return tx.ListAfter(runPrefix(pipeline, generation), last, func(_ string, value json.RawMessage) error {
			var run Run
			if err := json.Unmarshal(value, &run); err != nil {
				return err
			}
			runs = append(runs, run)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list runs of %s: %w", pipeline, err)
	}
	return runs, nil
}

// readState reads which generations of a pipeline exist.
func (e *Engine) readState(ctx context.Context, pipeline string) (state pipelineState, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		_, err := tx.Get(pipelineKey(pipeline), &state)
		return err
	})
	return state, err
}

// Current returns the generation that readers see; generation 0 for a pipeline that has never run.
func (e *Engine) Current(ctx context.Context, pipeline string) (g Generation, err error) {
	if e.Project.Pipeline(pipeline) == nil {
		return g, &NotFoundError{What: "pipeline " + pipeline}
	}
	g.Pipeline = pipeline
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		var state pipelineState
		if ok, err := tx.Get(pipelineKey(pipeline), &state); err != nil || !ok {
			return err
		}
		_, err := tx.Get(generationKey(pipeline, state.Generation), &g)
		return err
	})
	return g, err
}

// runBatches reads the batches of a run as its generation folds them.
func (e *Engine) runBatches(ctx context.Context, run *Run) (batches []event.Batch, err error) {
	single := e.Project.Pipeline(run.Pipeline).From[0]
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		batches = nil
		var g Generation
		if _, err := tx.Get(generationKey(run.Pipeline, run.Generation), &g); err != nil {
			return err
		}
		for _, ref := range run.Batches {
			until := g.LastRetraction[ref.Stream]
			if ref.Stream == "" {
				ref.Stream = single
			}
			b, err := event.GetFolded(tx, e.Project.Stream(ref.Stream), ref.Stream, ref.Batch, until)
			if err != nil {
				return err
			}
			batches = append(batches, b)
		}
		return nil
	})
	return batches, err
}
