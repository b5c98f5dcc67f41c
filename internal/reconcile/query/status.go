// The status of pipelines: backlog, watermark and runs in flight.

package query

import (
	"context"
	"time"

	"bursar/internal/event"
	"bursar/internal/reconcile/runs"
)

// Status is the status of a pipeline.
type Status struct {
	Pipeline      string     `json:"pipeline"`
	Generation    uint64     `json:"generation"`
	Runs          uint64     `json:"runs"`    // published
	Backlog       int        `json:"backlog"` // batches that are in no published run
	BacklogEvents int64      `json:"backlog_events"`
	Watermark     *time.Time `json:"watermark"`
	Artifacts     int64      `json:"artifacts"`
	Unkeyed       int64      `json:"unkeyed"`                  // published events without a key: in no artifact
	Counted       int64      `json:"counted_events"`           // published events for which fold values were counted
	Without       []string   `json:"without_values,omitempty"` // folds to which none of many events gave a value
	Changed       []string   `json:"changed,omitempty"`        // definitions that changed since the artifacts were made: a rebuild is needed
	Lanes         []InFlight `json:"lanes"`                    // the runs under way, oldest first
}

// InFlight is a run that is not published yet.
type InFlight struct {
	Run     uint64        `json:"run"`
	Step    runs.StepName `json:"step"` // being executed, or waited for
	Batches int           `json:"batches"`
	Events  int64         `json:"events"`
	Trouble *runs.Trouble `json:"trouble,omitempty"` // why it does not proceed
}

// Status returns the status of every pipeline.
func (e *Reader) Status(ctx context.Context) ([]Status, error) {
	list := []Status{}
	for _, p := range e.Project.Pipelines {
		s, err := e.PipelineStatus(ctx, p.Name)
		if err != nil {
			return nil, err
		}
		if s.Changed, err = e.Changed(ctx, p.Name); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// PipelineStatus returns the status of one pipeline, without what changed since its artifacts were made.
func (e *Reader) PipelineStatus(ctx context.Context, pipeline string) (Status, error) {
	g, err := e.Current(ctx, pipeline)
	if err != nil {
		return Status{}, err
	}
	s := Status{
		Pipeline: pipeline, Generation: g.Generation, Runs: g.Published, Watermark: g.Watermark, Artifacts: g.Artifacts, Lanes: []InFlight{},
		Without: g.FoldCounts.WithoutValues(e.Folds(pipeline)),
	}
	for _, n := range g.Unkeyed {
		s.Unkeyed += n
	}
	if g.FoldCounts != nil {
		s.Counted = g.FoldCounts.Events
	}
	unpublished, err := runs.List(ctx, e.Catalog, pipeline, g.Generation, g.Published)
	if err != nil {
		return s, err
	}
	included := g.LastBatch
	for _, r := range unpublished {
		included = included.Before(r.Batches)
		at := InFlight{Run: r.Run, Step: r.Due(runs.StepPublish), Batches: len(r.Batches), Events: r.Events, Trouble: r.Trouble}
		s.Lanes = append(s.Lanes, at)
	}
	streams := e.Project.Pipeline(pipeline).From
	for _, stream := range streams {
		last := included[stream]
		if len(streams) == 1 {
			last = included[""]
		}
		batches, err := event.FoldedBatches(ctx, e.Catalog, e.Project.Stream(stream), last)
		if err != nil {
			return s, err
		}
		for _, b := range batches {
			s.Backlog++
			s.BacklogEvents += b.Accepted
		}
	}
	return s, nil
}

// Waiting counts the events of a run, and the events that are in no published run, including those of the run.
func (e *Reader) Waiting(ctx context.Context, ref runs.Ref) (events, backlog int64, err error) {
	run, err := runs.Find(ctx, e.Catalog, ref)
	if err != nil {
		return 0, 0, err
	}
	s, err := e.PipelineStatus(ctx, ref.Pipeline)
	return run.Events, s.BacklogEvents, err
}

// Folds lists the columns of a pipeline's artifacts, in declared order.
func (e *Reader) Folds(pipeline string) []string {
	var names []string
	if p := e.Project.Pipeline(pipeline); p != nil {
		for i := range p.Artifact {
			names = append(names, p.Artifact[i].Name)
		}
	}
	return names
}
