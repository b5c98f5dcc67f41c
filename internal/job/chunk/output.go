// The output of tasks: while they are executed in the catalog, and afterwards in objects.

package chunk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/record"
	"bursar/internal/job/task"
	"bursar/internal/object"
)

// output is what an attempt of a task has written; one line of an object.
type output struct {
	Task    int    `json:"task"` // its index in the chunk
	Attempt int    `json:"attempt"`
	Text    []byte `json:"text"`
	Cut     int64  `json:"cut,omitempty"` // bytes that were not kept
}

// keepOutput keeps what an attempt has written until the next write.
func (x *execution) keepOutput(i int, a *task.Outcome) {
	x.live.end()
	if len(a.Output) == 0 {
		return
	}
	x.outputs = append(x.outputs, output{Task: i, Attempt: x.chunk.outcomes.attempts(i) + 1, Text: a.Output, Cut: a.Cut})
	x.bytes += len(a.Output)
	x.changed = true
}

// write writes the outcomes that have changed, and the output of their tasks before them.
func (x *execution) write(ctx context.Context) error {
	if !x.changed {
		return nil
	}
	return x.writeAlso(ctx, nil)
}

// writeAlso is write with something else in the same transaction, whether or not outcomes have changed.
func (x *execution) writeAlso(ctx context.Context, also func(catalog.Tx) error) error {
	before := x.chunk.outcomes.Outputs
	if len(x.outputs) > 0 {
		written, err := x.chunk.writeOutputs(ctx, x.outputs)
		switch {
		case err == nil:
			x.chunk.outcomes.Outputs = append(before[:len(before):len(before)], written)
		case !x.dropOutput(ctx, err):
			x.noteWrite(err)
			return err
		}
	}
	err := x.chunk.write(ctx, func(tx catalog.Tx) error {
		if x.live.written {
			if err := tx.Delete(liveKey(x.Ref, x.Chunk)); err != nil {
				return err
			}
		}
		if also == nil {
			return nil
		}
		return also(tx)
	})
	x.noteWrite(err)
	if err != nil {
		x.chunk.outcomes.Outputs = before // the object is removed with the slot
		return err
	}
	x.changed, x.outputs, x.bytes, x.live.written = false, nil, 0, false
	return nil
}

// writeOutputs writes an object with the output of some attempts.
func (c *loaded) writeOutputs(ctx context.Context, list []output) (object.Description, error) {
	w, err := object.CreateDescribed(ctx, c.work.Objects, outputName(c.ref, c.number))
	if err != nil {
		return object.Description{}, err
	}
	w.Rows = int64(len(list))
	encoder := json.NewEncoder(w)
	for _, o := range list {
		if err := encoder.Encode(o); err != nil {
			return object.Description{}, errors.Join(err, w.Abort())
		}
	}
	err = w.Commit()
	return w.Description, err
}

// maxLive is the most bytes of a task's latest output that are shown while it is executed.
const maxLive = 16 << 10

// LiveOutput is what is shown of a task that is executed: its latest output.
type LiveOutput struct {
	Task   int       `json:"task"` // its index in the chunk
	Began  time.Time `json:"began"`
	Worker string    `json:"worker"`
	Text   []byte    `json:"text"`
	Bytes  int64     `json:"bytes"` // that the attempt has written so far; Text ends there
}

func liveKey(ref record.Ref, chunk int) string { return fmt.Sprintf("%slive/%06d", folder(ref), chunk) }

// liveOutput is the latest output of the current task. Its methods are safe for concurrent use, but for written.
type liveOutput struct {
	mu      sync.Mutex
	now     LiveOutput
	changed bool
	shown   bool // this attempt was asked to be shown, with or without output
	written bool // the catalog has some
}

// start begins the output of a task, and returns what takes it.
func (l *liveOutput) start(i int, began time.Time, worker string) func([]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.changed, l.shown = LiveOutput{Task: i, Began: began.UTC(), Worker: worker}, false, false
	return l.take
}

func (l *liveOutput) take(some []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Text = append(l.now.Text, some...)
	l.now.Bytes += int64(len(some))
	if over := len(l.now.Text) - maxLive; over > 0 {
		l.now.Text = append(l.now.Text[:0], l.now.Text[over:]...)
	}
	l.changed = true
}

func (l *liveOutput) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.changed = LiveOutput{}, false
}

// show lets an attempt be shown that has written nothing yet.
func (l *liveOutput) show() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed, l.shown = l.changed || !l.shown, true
}

// latest returns a copy of the output, if it has changed since the last call.
func (l *liveOutput) latest() (LiveOutput, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.changed {
		return LiveOutput{}, false
	}
	l.changed = false
	now := l.now
	now.Text = bytes.Clone(now.Text)
	return now, true
}

// writeLive shows the latest output of the current task.
func (x *execution) writeLive(ctx context.Context) error {
	latest, changed := x.live.latest()
	if !changed {
		return nil
	}
	x.live.written = true
	return x.chunk.work.Catalog.Update(ctx, func(tx catalog.Tx) error {
		now, err := getVersion(tx, x.Ref, x.Chunk)
		if err == nil && !x.chunk.isCurrent(now) {
			err = ErrSuperseded
		}
		if err != nil {
			return err
		}
		return tx.Put(liveKey(x.Ref, x.Chunk), latest)
	})
}

// readOutputs calls fn for each output in an object, which is read whole: a damaged one is refused before anything of it is shown.
func readOutputs(ctx context.Context, store object.Store, d object.Description, fn func(output) error) error {
	content, err := d.Read(ctx, store)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	for decoder.More() {
		var o output
		if err := decoder.Decode(&o); err != nil {
			return fmt.Errorf("read %s: %w", d.Name, err)
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}
