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

// Generation is one complete state of a pipeline: a catalog document.
type Generation struct {
	Pipeline    string            `json:"pipeline"`
	Generation  uint64            `json:"generation"`
	Fingerprint map[string]string `json:"fingerprint"`         // of each definition its records depend on
	Taken       Taken             `json:"taken"`               // the last batch of each stream that is in a run
	Until       Taken             `json:"until,omitempty"`     // while a rebuild makes it: the last batch of each stream that it takes
	Retracted   Taken             `json:"retracted,omitempty"` // the last retraction of each stream that its batches are folded without
	GivenUp     []string          `json:"given_up,omitempty"`  // batches and retractions that its batches are folded without, as they were lost
	Runs        uint64            `json:"runs"`                // the last run that has a number
	Published   uint64            `json:"published"`           // the last run that readers see
	Artifacts   int64             `json:"artifacts"`
	Events      *int64            `json:"events,omitempty"`  // folded by all published runs, and so by all artifacts (rule 4)
	Given       *Given            `json:"given,omitempty"`   // of the published runs that were counted
	Unkeyed     map[string]int64  `json:"unkeyed,omitempty"` // events without a key by stream, in all published runs: in no artifact
	Watermark   *time.Time        `json:"watermark"`         // everything received before it is included; nil as long as a stream has sent nothing

	// Included is by stream, named as in BatchRef, when the last included batch was sealed.
	Included map[string]time.Time `json:"included,omitempty"`
}

// include moves the watermark over batches. Of several streams it is the one that is furthest behind: what was received of
// that one later is not in yet, although others may have gone on.
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

// Run is one pass over batches: a catalog document. Steps are done when they stand in it.
type Run struct {
	Pipeline   string                `json:"pipeline"`
	Generation uint64                `json:"generation"`
	Run        uint64                `json:"run"`
	Batches    []BatchRef            `json:"batches"` // fixed when the run gets its number
	Events     int64                 `json:"events"`
	Totals     event.Totals          `json:"totals"` // of the batches: what conserve entries must move by
	Steps      map[string]StepRecord `json:"steps"`
	Partitions int                   `json:"partitions"`       // what each step is split into, by key; fixed with the batches
	Split      string                `json:"split,omitempty"`  // how keys are spread over partitions; empty is splitByDuckDB
	Resets     int                   `json:"resets,omitempty"` // how often its steps were forgotten, to start from the events again
	AsOf       *uint64               `json:"as_of,omitempty"`  // the last indexed run when prefetch began: what its state is of
	Created    int64                 `json:"created"`
	Updated    int64                 `json:"updated"`
	Balanced   bool                  `json:"balanced"`
	Given      *Given                `json:"given,omitempty"`
	Unkeyed    Unkeyed               `json:"unkeyed,omitempty"` // what of Events and Totals is in no artifact
	Trouble    *Trouble              `json:"trouble,omitempty"` // of its last attempt, until a step is done again
}

// Trouble is why a run has not gone on.
type Trouble struct {
	Step    string          `json:"step"`
	Class   string          `json:"class"`
	Message string          `json:"message"`
	Key     json.RawMessage `json:"key,omitempty"` // of the event or artifact that a declared expression fails on
	At      time.Time       `json:"at"`
}

// StepRecord says that a step is done.
type StepRecord struct {
	Done    time.Time `json:"done"`
	Seconds float64   `json:"seconds"` // of the slowest partition's activity, if there were any, and of the step's own
	Rows    int64     `json:"rows"`
	Shares  []Share   `json:"shares,omitempty"` // by partition
}

// Share is what one partition did of a step.
type Share struct {
	Rows    int64                `json:"rows"`
	Objects []object.Description `json:"objects,omitempty"` // a delta, a state, or parts
	Events  int64                `json:"events,omitempty"`  // reduce: events folded; merge: by how many the artifacts moved
	Totals  event.Totals         `json:"totals,omitempty"`  // merge: by what the artifacts moved; reduce: sums of the events
	Given   *Given               `json:"given,omitempty"`   // reduce
	Unkeyed Unkeyed              `json:"unkeyed,omitempty"` // reduce
	Created int64                `json:"created,omitempty"` // merge: artifacts that are new
	AsOf    uint64               `json:"as_of,omitempty"`   // prefetch and merge: the run that the state is of
	Resets  int                  `json:"resets,omitempty"`  // the run's, when the share was begun
	Seconds float64              `json:"seconds,omitempty"` // that it took, where a partition's activity did it
}

// pipelineState says which generation of a pipeline readers see, and which one a rebuild is making.
type pipelineState struct {
	Generation uint64 `json:"generation"`
	Building   uint64 `json:"building,omitempty"`
}

// next is the number of the generation that is made next: a number that was given up is not used again.
func (s *pipelineState) next() uint64 { return max(s.Generation, s.Building) + 1 }

// absent is why the generation that readers see is not there; nil for a pipeline that has never run. After a repair that was cut
// short there is none but the one that its rebuild is making.
func (s *pipelineState) absent(pipeline string) error {
	switch {
	case s.Generation > 0:
		return failure.Wrap(failure.Data, fmt.Errorf("generation %d of %s is not in the catalog: run `bursar repair`", s.Generation, pipeline))
	case s.Building > 0:
		return failure.Wrap(failure.Data, fmt.Errorf("a rebuild of %s has begun and not ended, and there is no other generation: run `bursar rebuild %s`", pipeline, pipeline))
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

// sharePrefix is where shares are kept until all partitions have done a run's step.
func sharePrefix(ref RunRef) string {
	return fmt.Sprintf("share/%s/g%04d/%08d/", ref.Pipeline, ref.Generation, ref.Run)
}

func shareKey(ref RunRef, step string, partition int) string {
	return fmt.Sprintf("%s%s/%04d", sharePrefix(ref), step, partition)
}

// objects are what a partition's share of a step made.
func (r *Run) objects(step string, partition int) []object.Description {
	if shares := r.Steps[step].Shares; partition < len(shares) {
		return shares[partition].Objects
	}
	return nil
}

// due is the first step up to one that is not recorded; that one if it is.
func (r *Run) due(step string) string {
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

// made are all objects of a step, partition by partition.
func (r *Run) made(step string) (all []object.Description) {
	for _, share := range r.Steps[step].Shares {
		all = append(all, share.Objects...)
	}
	return all
}

// Parts are all parts of the run.
func (r *Run) Parts() []object.Description { return r.made("merge") }

func (r *Run) ref() RunRef { return RunRef{r.Pipeline, r.Generation, r.Run} }

func (r *Run) space() artifact.Space {
	return artifact.Space{Pipeline: r.Pipeline, Generation: r.Generation}
}

func (g *Generation) space() artifact.Space {
	return artifact.Space{Pipeline: g.Pipeline, Generation: g.Generation}
}

// objectName names what a step makes (rule 5).
func (r *Run) objectName(step string, partition int) string {
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

// Runs lists the runs of a generation numbered above after, in order.
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

// state reads which generations of a pipeline there are.
func (e *Engine) state(ctx context.Context, pipeline string) (state pipelineState, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		_, err := tx.Get(pipelineKey(pipeline), &state)
		return err
	})
	return state, err
}

// Current is the generation that readers see; a pipeline that has never run has generation 0.
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

// batchesOf reads a run's batches as its generation folds them.
func (e *Engine) batchesOf(ctx context.Context, run *Run) (batches []event.Batch, err error) {
	only := e.Project.Pipeline(run.Pipeline).From[0]
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		batches = nil
		var g Generation
		if _, err := tx.Get(generationKey(run.Pipeline, run.Generation), &g); err != nil {
			return err
		}
		for _, ref := range run.Batches {
			until := g.Retracted[ref.Stream]
			if ref.Stream == "" {
				ref.Stream = only
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
