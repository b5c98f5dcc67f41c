// Reads the tasks of a slot and their output, for people and for the end of the slot.

package chunk

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/object"
)

// Task is a task with its outcome so far.
type Task struct {
	Chunk    int       `json:"-"`
	Index    int       `json:"-"` // in the chunk
	Key      string    `json:"key"`
	ID       string    `json:"id"` // the idempotency key
	State    State     `json:"state"`
	Attempts int       `json:"attempts"` // that have ended
	Took     int64     `json:"took_ms"`  // of the last one
	Error    string    `json:"error,omitempty"`
	Class    string    `json:"class,omitempty"`
	Retry    time.Time `json:"retry,omitzero"` // of a waiting one: not before
	Began    time.Time `json:"began,omitzero"` // of one that is executed
	Exit     *int      `json:"exit,omitempty"`
	CPU      int64     `json:"cpu_ms,omitempty"`
	Memory   int64     `json:"memory,omitempty"`
	Cut      int64     `json:"cut,omitempty"`
	Worker   string    `json:"worker,omitempty"` // that has written this last
}

// EachTask calls fn for each task of a slot, in the order in which they are executed, until it fails.
func (w *Work) EachTask(ctx context.Context, ref record.Ref, fn func(*Task) error) error {
	return failure.UnlessStopped(w.eachChunk(ctx, ref, func(number int, tasks *partitions, o *outcomes) error {
		live, err := w.liveOf(ctx, ref, number, o)
		if err != nil {
			return err
		}
		for i, key := range tasks.Keys {
			if o.state(i) == moved {
				continue
			}
			t := taskOf(ref, number, i, key, o)
			if live != nil && live.Task == i && t.State.isOpen() {
				t.State, t.Worker, t.Began = Claimed, live.Worker, live.Began
			}
			if err := fn(&t); err != nil {
				return err
			}
		}
		return nil
	}))
}

// liveOf returns which task of a chunk is executed, if one has been for a second.
func (w *Work) liveOf(ctx context.Context, ref record.Ref, number int, o *outcomes) (*LiveOutput, error) {
	if open, _ := o.remaining(); open == 0 {
		return nil, nil
	}
	return w.readLive(ctx, ref, number)
}

func taskOf(ref record.Ref, number, i int, key string, o *outcomes) Task {
	t := Task{Chunk: number, Index: i, Key: key, ID: taskID(ref, key), State: o.state(i), Attempts: o.attempts(i), Worker: o.Worker}
	if i < len(o.Took) {
		t.Took = o.Took[i]
	}
	if d := o.Details[i]; d != nil {
		t.Error, t.Class, t.Retry, t.Exit, t.CPU, t.Memory, t.Cut = d.Error, d.Class, d.Retry, d.Exit, d.CPU, d.Memory, d.Cut
	}
	return t
}

// chunksPerView bounds the chunks that are read in one transaction, and are in memory: a slot may have thousands.
const chunksPerView = 32

// eachChunk calls fn for each chunk of a slot, outside of transactions.
func (w *Work) eachChunk(ctx context.Context, ref record.Ref, fn func(number int, tasks *partitions, o *outcomes) error) error {
	type numbered struct {
		tasks    partitions
		outcomes outcomes
	}
	for first, more := 0, true; more; first += chunksPerView {
		var list []numbered
		err := w.Catalog.View(ctx, func(tx catalog.Tx) error {
			list, more = nil, false
			d, err := getDivision(tx, ref)
			if err != nil || d == nil || !d.Complete {
				return err
			}
			end := min(first+chunksPerView, d.Chunks)
			more = end < d.Chunks
			for number := first; number < end; number++ {
				tasks, o, err := getChunk(tx, ref, number)
				if err != nil {
					return err
				}
				list = append(list, numbered{tasks, o})
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i := range list {
			if err := fn(first+i, &list[i].tasks, &list[i].outcomes); err != nil {
				return err
			}
		}
	}
	return nil
}

// Unended lists the chunks of a slot that have tasks which have not ended, with when the first of them may begin.
type Unended struct {
	Chunk int       `json:"chunk"`
	Again time.Time `json:"again,omitzero"`
}

// Summarize counts the tasks of a slot, and lists the chunks that are not executed to the end.
func (w *Work) Summarize(ctx context.Context, ref record.Ref) (s record.Summary, unended []Unended, err error) {
	err = w.eachChunk(ctx, ref, func(number int, tasks *partitions, o *outcomes) error {
		for i, key := range tasks.Keys {
			if o.state(i) != moved {
				count(&s, key, o.state(i), o.attempts(i), o.Details[i])
			}
		}
		if open, again := o.remaining(); open > 0 {
			unended = append(unended, Unended{number, again})
		}
		return nil
	})
	if err != nil || len(unended) == 0 {
		return s, unended, err
	}
	d, err := catalog.Read(ctx, w.Catalog, func(tx catalog.Tx) (*division, error) { return getDivision(tx, ref) })
	if d != nil {
		s.Tasks = d.Tasks // while chunks are read one after another, tasks that have not begun move to others
	}
	return s, unended, err
}

// count adds a task to a summary, and keeps the error of the first that has failed.
func count(s *record.Summary, key string, state State, attempts int, d *Detail) {
	s.Tasks++
	if attempts > 1 {
		s.Retried++
	}
	switch state {
	case Done:
		s.Done++
	case Excluded:
		s.Excluded++
	case Failed:
		s.Failed++
		if s.Error == "" && d != nil {
			s.Error, s.Class = d.Error, d.Class
			if key != "" {
				s.Error = fmt.Sprintf("task %s: %s", brief(key), d.Error)
			}
		}
	case Cancelled:
		s.Cancelled++
	}
}

// CancelRest ends the tasks of a slot that have not ended as cancelled. Workers that still execute some change nothing afterwards.
func (w *Work) CancelRest(ctx context.Context, ref record.Ref) error {
	chunks := 0
	err := w.Catalog.Update(ctx, func(tx catalog.Tx) error {
		d, err := getDivision(tx, ref)
		if err != nil {
			return err
		}
		if d == nil {
			d = &division{}
		}
		if !d.Complete {
			d.Attempt = rand.Text() // whoever divides it is superseded
		}
		now := w.Now().UTC()
		d.Cancelled, chunks = &now, d.Chunks
		return tx.Put(divisionKey(ref), d)
	})
	for number := 0; err == nil && number < chunks; number++ {
		err = w.cancelChunk(ctx, ref, number)
	}
	return err
}

func (w *Work) cancelChunk(ctx context.Context, ref record.Ref, number int) error {
	return w.Catalog.Update(ctx, func(tx catalog.Tx) error {
		_, o, err := getChunk(tx, ref, number)
		if err != nil {
			return err
		}
		if open, _ := o.remaining(); open == 0 {
			return nil
		}
		for i := range o.States {
			switch o.state(i) {
			case Waiting:
				o.setState(i, Cancelled)
			case Claimed:
				o.setState(i, Failed)
				d := o.detail(i)
				d.Error, d.Class = "its slot has ended while it was executed: how it ended is not known", failure.Transient.String()
			}
		}
		o.Version, o.Writer = o.Version+1, "cancelled"
		return tx.Put(outcomesKey(ref, number), o)
	})
}

// Output is what an attempt of a task has written.
type Output struct {
	Key     string `json:"key"`
	Attempt int    `json:"attempt"`
	Text    []byte `json:"text"`
	Cut     int64  `json:"cut,omitempty"`   // bytes that were not kept, in the middle
	Bytes   int64  `json:"bytes,omitempty"` // of one that has not ended: how many it has written
	Live    bool   `json:"live,omitempty"`  // it has not ended; Text is the latest
}

// EachOutput calls fn for the output of each attempt of a slot's tasks, and of those that are executed at the moment. A nil key means all. What
// is damaged or missing is left out, and reported by a *LostOutputError in the end.
func (w *Work) EachOutput(ctx context.Context, ref record.Ref, key *string, fn func(Output) error) error {
	lost := &LostOutputError{Slot: ref}
	err := failure.UnlessStopped(w.eachChunk(ctx, ref, func(number int, tasks *partitions, o *outcomes) error {
		wanted := func(i int) bool { return i >= 0 && i < len(tasks.Keys) && (key == nil || tasks.Keys[i] == *key) }
		for _, d := range o.Outputs {
			err := readOutputs(ctx, w.Objects, d, func(out output) error {
				if !wanted(out.Task) {
					return nil
				}
				return fn(Output{Key: tasks.Keys[out.Task], Attempt: out.Attempt, Text: out.Text, Cut: out.Cut})
			})
			if err := lost.unless(err); err != nil {
				return err
			}
		}
		live, err := w.readLive(ctx, ref, number)
		if err != nil || live == nil || live.Bytes == 0 || !wanted(live.Task) {
			return err
		}
		return fn(Output{Key: tasks.Keys[live.Task], Attempt: o.attempts(live.Task) + 1, Text: live.Text, Bytes: live.Bytes, Live: true})
	}))
	if err == nil && lost.Objects > 0 {
		return lost
	}
	return err
}

// LostOutputError is the error of output that cannot be read, because its objects are damaged or were deleted.
type LostOutputError struct {
	Slot    record.Ref
	Objects int
	First   error
}

func (e *LostOutputError) Error() string {
	return fmt.Sprintf("read the output of %s: %d of its objects are lost, such as: %v", e.Slot, e.Objects, e.First)
}

// Class is Data: they are as damaged when they are read again.
func (e *LostOutputError) Class() failure.Class { return failure.Data }

// unless counts the damage of an object, and returns other errors.
func (e *LostOutputError) unless(err error) error {
	if !object.IsDamage(err) {
		return err
	}
	e.Objects++
	e.First = cmp.Or(e.First, err)
	return nil
}

func (w *Work) readLive(ctx context.Context, ref record.Ref, number int) (live *LiveOutput, err error) {
	err = w.Catalog.View(ctx, func(tx catalog.Tx) error {
		var l LiveOutput
		found, err := tx.Get(liveKey(ref, number), &l)
		live = nil
		if found {
			live = &l
		}
		return err
	})
	return live, err
}
