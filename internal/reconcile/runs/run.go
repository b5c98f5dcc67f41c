// Package runs keeps the records of runs and generations in the catalog: what a run has done, which batches the next one folds,
// and whether a generation fits the present definitions. It owns the documents below pipeline/, generation/, run/, share/ and
// dropped/. It works on the catalog only: it must not read events, artifacts or the index.
package runs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/fold"
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

// StepName names a step of a run. Documents, object names and activities contain it.
type StepName string

// The steps of a run.
const (
	StepReduce   StepName = "reduce"   // folds the events of the run to one delta for each key
	StepPrefetch StepName = "prefetch" // reads the state of these keys
	StepMerge    StepName = "merge"    // merges deltas and state into records, and checks the control totals
	StepIndex    StepName = "index"    // loads where each record is
	StepPublish  StepName = "publish"  // makes the run visible
)

// StepNames are the steps of a run, in order.
var StepNames = []StepName{StepReduce, StepPrefetch, StepMerge, StepIndex, StepPublish}

// Partitioned reports whether the step is split by key. Publish is one transaction.
func (s StepName) Partitioned() bool { return s != StepPublish }

// Ordered reports whether the step is executed strictly in the order of runs. A reduce does not depend on other runs.
func (s StepName) Ordered() bool { return s != StepReduce }

// MaxInFlight is how many runs of a pipeline are in flight: one in each of the three lanes prefetch, merge and index. Reduce
// runs ahead. With more runs the index lags further behind, and nothing gets faster.
const MaxInFlight = 3

// StepResult is the result of a step: counts only (rule 7).
type StepResult struct {
	Rows    int64   `json:"rows"`
	Seconds float64 `json:"seconds"`
	// Replaced reports that nothing was done, because the run ends: a rebuild has replaced its generation.
	Replaced bool `json:"replaced,omitempty"`
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

// sharePrefix is the prefix of shares, which are stored until all partitions have done the step.
func sharePrefix(ref Ref) string {
	return fmt.Sprintf("share/%s/g%04d/%08d/", ref.Pipeline, ref.Generation, ref.Run)
}

func shareKey(ref Ref, step StepName, partition int) string {
	return fmt.Sprintf("%s%s/%04d", sharePrefix(ref), step, partition)
}

// accepts reports whether a stored share belongs to this attempt at the run and to the state that its prefetch reads.
func (r *Run) accepts(step StepName, share *Share) bool {
	sameState := step == StepReduce || r.AsOf != nil && share.AsOf == *r.AsOf
	return share.Resets == r.Resets && sameState
}

// GetShare reads the stored share of a partition, if it belongs to this attempt at the run.
func GetShare(tx catalog.Tx, run *Run, step StepName, partition int) (share Share, found bool, err error) {
	found, err = tx.Get(shareKey(run.Ref(), step, partition), &share)
	if found && !run.accepts(step, &share) {
		return Share{}, false, err
	}
	return share, found, err
}

// PutShare stores the share of a partition.
func PutShare(tx catalog.Tx, ref Ref, step StepName, partition int, share Share) error {
	return tx.Put(shareKey(ref, step, partition), share)
}

// DeleteShares deletes the stored shares of a run.
func DeleteShares(tx catalog.Tx, ref Ref) error { return deletePrefix(tx, sharePrefix(ref)) }

// BatchRef names a batch of a run. Stream is empty if the pipeline folds only one stream.
type BatchRef struct {
	Stream string `json:"stream"`
	Batch  uint64 `json:"batch"`
}

// MarshalJSON writes a batch of the only stream as a number.
func (r BatchRef) MarshalJSON() ([]byte, error) {
	if r.Stream == "" {
		return json.Marshal(r.Batch)
	}
	type plain BatchRef
	return json.Marshal(plain(r))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *BatchRef) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] != '{' {
		return json.Unmarshal(text, &r.Batch)
	}
	type plain BatchRef
	return json.Unmarshal(text, (*plain)(r))
}

// StreamNumbers holds a number for each stream, of its last batch or retraction. Streams are named as in BatchRef.
type StreamNumbers map[string]uint64

// MarshalJSON writes the number of the only stream as a plain number, and an empty map as 0.
func (t StreamNumbers) MarshalJSON() ([]byte, error) {
	if n, only := t[""]; only || len(t) == 0 {
		return json.Marshal(n)
	}
	return json.Marshal(map[string]uint64(t))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *StreamNumbers) UnmarshalJSON(text []byte) error {
	*t = StreamNumbers{}
	if len(text) > 0 && text[0] == '{' {
		return json.Unmarshal(text, (*map[string]uint64)(t))
	}
	var n uint64
	if err := json.Unmarshal(text, &n); err != nil || n == 0 {
		return err
	}
	(*t)[""] = n
	return nil
}

// Before returns the numbers as they were before runs included these batches.
func (t StreamNumbers) Before(batches []BatchRef) StreamNumbers {
	out := maps.Clone(t)
	for _, b := range batches {
		out[b.Stream] = min(out[b.Stream], b.Batch-1)
	}
	return out
}

// refName is the name of a stream in BatchRef and StreamNumbers.
func refName(plan *fold.Plan, stream string) string {
	if plan.Events.Several() {
		return stream
	}
	return ""
}
