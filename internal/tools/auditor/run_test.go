// Working a backlog off: the steps of up to three runs and their partitions in a random order that the seed decides.

package auditor

import (
	"context"
	"slices"

	"bursar/internal/reconcile/runs"
)

// schedule is a backlog being worked off.
type schedule struct {
	*stage
	more    bool           // a run may be planned
	last    runs.Ref       // the newest run
	done    map[uint64]int // steps by run in flight
	waiting bool           // an attempt stands still while other steps are carried out
	mended  int            // remedies after which it looked at how the runs stand
}

// run works the backlog off, and compares what is published. Runs overtake each other as far as the lanes allow, and
// whoever reads meanwhile sees the published ones only.
func (s *stage) run() {
	s.t.Helper()
	r := &schedule{stage: s, more: true, done: map[uint64]int{}, mended: s.mends}
	for r.more || len(r.done) > 0 {
		r.move()
	}
	s.compareExport()
}

// move does one thing: it plans a run, or takes the next step of one, whole, partition by partition, late or again.
func (r *schedule) move() {
	r.t.Helper()
	if r.mended != r.mends { // a question met damage
		r.sync()
	}
	if r.more && len(r.done) < runs.MaxInFlight && (len(r.done) == 0 || r.random.IntN(2) == 0) {
		r.plan()
		return
	}
	if len(r.done) == 0 {
		return
	}
	ref := r.last
	ref.Run = r.movable()
	step := runs.StepNames[r.done[ref.Run]]
	if r.harm(r) || r.late(ref, step) || r.again(ref) {
		return
	}
	if step.Partitioned() && !r.partitions(ref, step) {
		return
	}
	r.take(ref, step)
	if r.done[ref.Run] > 0 && r.random.IntN(8) == 0 {
		r.compareExport()
		r.outOfTurn()
	}
}

// plan has the engine give the next batches to a run.
func (r *schedule) plan() {
	r.t.Helper()
	var next runs.NextResult
	if !r.try(func(ctx context.Context) (err error) {
		next, err = r.executor.Next(ctx, r.c.Pipeline.Name, r.last.Run, false)
		return err
	}) {
		return
	}
	if r.more = next.Backlog; r.more {
		r.last = next.Ref
		r.done[next.Ref.Run] = 0
	}
}

// take carries a step out.
func (r *schedule) take(ref runs.Ref, step runs.StepName) {
	r.t.Helper()
	if r.try(func(ctx context.Context) error {
		_, err := r.executor.Step(ctx, ref, step)
		return err
	}) {
		r.taken(ref, step)
	}
}

// taken notes that a step is done, unless another attempt has done it.
func (r *schedule) taken(ref runs.Ref, step runs.StepName) {
	r.t.Helper()
	at := slices.Index(runs.StepNames, step)
	if n, flying := r.done[ref.Run]; !flying || n != at {
		return
	}
	if r.done[ref.Run]++; r.done[ref.Run] == len(runs.StepNames) {
		delete(r.done, ref.Run)
		r.published(ref)
	}
}

// try carries out what moves the runs. Where that met damage, the schedule looks anew at how they stand.
func (r *schedule) try(do func(ctx context.Context) error) (done bool) {
	r.t.Helper()
	if r.damage == nil {
		r.carry(do)
		return r.mended == r.mends
	}
	err := do(r.t.Context())
	if err != nil {
		r.mend(err)
		r.sync()
	}
	return err == nil
}

// sync reads from the catalog how the runs stand.
func (r *schedule) sync() {
	r.t.Helper()
	r.mended = r.mends
	status := r.status()
	r.more, r.done = true, map[uint64]int{}
	r.last = runs.Ref{Pipeline: r.c.Pipeline.Name, Generation: status.Generation, Run: status.Runs}
	for _, run := range r.runs(status.Generation) {
		if run.Run > status.Runs {
			r.last.Run, r.done[run.Run] = run.Run, len(run.Steps)
		}
	}
}

// published takes a published run over into the model.
func (r *schedule) published(ref runs.Ref) {
	r.t.Helper()
	batches := r.runs(ref.Generation)[ref.Run-1].Batches
	at := r.place(batches[len(batches)-1])
	r.apply(func(m *Model) { m.Publish(at) })
	r.versions = append(r.versions, version{ref.Run, r.model.Export()})
}

// place is a batch's place among all sealed ones, from 1.
func (s *stage) place(ref runs.BatchRef) int {
	return 1 + slices.IndexFunc(s.model.Sealed, func(b Batch) bool {
		return uint64(b.Number) == ref.Batch && (b.Stream == ref.Stream || ref.Stream == "")
	})
}

// partitions has some of a step's partitions done, in any order, some more than once. Often the step follows.
func (r *schedule) partitions(ref runs.Ref, step runs.StepName) (follow bool) {
	r.t.Helper()
	of := max(1, r.c.Pipeline.Partitions)
	if of == 1 && r.random.IntN(8) > 0 { // which the step would do once more
		return true
	}
	for range r.random.IntN(min(of, 4) + 1) {
		partition := r.random.IntN(of)
		if !r.try(func(ctx context.Context) error {
			_, err := r.executor.Partition(ctx, ref, step, partition)
			return err
		}) {
			return false
		}
	}
	return r.random.IntN(3) > 0
}

// again repeats a step that is done, or a partition of it.
func (r *schedule) again(ref runs.Ref) bool {
	r.t.Helper()
	if r.done[ref.Run] == 0 || r.random.IntN(24) > 0 {
		return false
	}
	step := runs.StepNames[r.random.IntN(r.done[ref.Run])]
	if r.random.IntN(2) == 0 {
		r.take(ref, step)
		return true
	}
	partition := r.random.IntN(max(1, r.c.Pipeline.Partitions))
	r.try(func(ctx context.Context) error {
		_, err := r.executor.Partition(ctx, ref, step, partition)
		return err
	})
	return true
}

// outOfTurn tries a step that the run before holds back.
func (r *schedule) outOfTurn() {
	r.t.Helper()
	for run, steps := range r.done {
		before, flying := r.done[run-1]
		ref := r.last
		if ref.Run = run; r.steady() && r.damage == nil && flying && steps > 0 && before <= steps {
			if _, err := r.executor.Step(r.t.Context(), ref, runs.StepNames[steps]); err == nil {
				r.fatalf("%s of run %d is done before that of the run before", runs.StepNames[steps], run)
			}
		}
	}
}

// movable picks one of the runs whose next step is not held back by the run before.
func (r *schedule) movable() uint64 {
	var can []uint64
	for run, steps := range r.done {
		before, flying := r.done[run-1]
		if steps == 0 || !flying || before > steps {
			can = append(can, run)
		}
	}
	slices.Sort(can)
	return can[r.random.IntN(len(can))]
}
