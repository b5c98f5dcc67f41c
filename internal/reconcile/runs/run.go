// Package runs keeps the records of runs and generations in the catalog: what a run has done, which batches the next one folds,
// and whether a generation fits the present definitions. It owns the documents below pipeline/, generation/, run/ and share/. It
// works on the catalog only: it must not read events, artifacts or the index.
package runs

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/event"
	"bursar/internal/object"
)

// Ref names one run: workflows and activities pass only this (rule 7).
type Ref struct {
	Pipeline   string `json:"pipeline"`
	Generation uint64 `json:"generation"`
	Run        uint64 `json:"run"`
}

// Of names another run of the same generation.
func (r Ref) Of(run uint64) Ref { return Ref{r.Pipeline, r.Generation, run} }

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
	Split      string                  `json:"split,omitempty"`  // how keys are assigned to partitions; empty is SplitByDuckDB
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

// Objects returns the objects that a step made for one partition.
func (r *Run) Objects(step StepName, partition int) []object.Description {
	if shares := r.Steps[step].Shares; partition < len(shares) {
		return shares[partition].Objects
	}
	return nil
}

// Due returns the first step before the given one that is not recorded, else the given step.
func (r *Run) Due(step StepName) StepName {
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

// StepObjects returns all objects of a step, partition by partition.
func (r *Run) StepObjects(step StepName) (all []object.Description) {
	for _, share := range r.Steps[step].Shares {
		all = append(all, share.Objects...)
	}
	return all
}

// Parts returns all parts of the run.
func (r *Run) Parts() []object.Description { return r.StepObjects(StepMerge) }

// Ref names the run.
func (r *Run) Ref() Ref { return Ref{r.Pipeline, r.Generation, r.Run} }

// Space names the generation that the run belongs to, in the index and in the object store.
func (r *Run) Space() artifact.Space {
	return artifact.Space{Pipeline: r.Pipeline, Generation: r.Generation}
}

// ObjectName names an object that a step makes (rule 5).
func (r *Run) ObjectName(step StepName, partition int) string {
	return fmt.Sprintf("%sruns/%08d/%s-%04d.parquet", artifact.SpacePrefix(r.Space()), r.Run, step, partition)
}

// How keys are assigned to the partitions of a run. It is recorded with the run, so that all attempts agree.
const (
	SplitByDuckDB = ""    // DuckDB's hash, which may differ between its versions: runs of older versions
	SplitByMD5    = "md5" // of the key's values as text
)

// SameSplit reports whether two runs assign each key to the same partition number. With DuckDB's hash that is not certain.
func (r *Run) SameSplit(other *Run) bool {
	return r.Partitions == other.Partitions && r.Split == SplitByMD5 && other.Split == SplitByMD5
}

// Reset returns the run as it was planned, without its steps, to start from the events again.
func (r *Run) Reset() Run {
	return Run{
		Pipeline: r.Pipeline, Generation: r.Generation, Run: r.Run, Batches: r.Batches, Events: r.Events, Totals: r.Totals,
		Partitions: r.Partitions, Split: SplitByMD5, Steps: map[StepName]StepRecord{}, Resets: r.Resets + 1,
	}
}
