// Outcomes of the tasks of a chunk, as the catalog has them.

package chunk

import (
	"strings"
	"time"

	"bursar/internal/object"
)

// State is the state of a task.
type State byte

// The states of tasks. A document has a letter for each task.
const (
	Waiting   State = 'w' // for its first or next attempt
	Claimed   State = 'c' // its attempt may have begun
	Done      State = 'd'
	Failed    State = 'f'
	Excluded  State = 'x' // only_if was not true
	Cancelled State = 'k' // with its slot, before it ended
	moved     State = 'm' // it is a task of another chunk
)

var stateNames = map[State]string{
	Waiting: "waiting", Claimed: "begun", Done: "done", Failed: "failed", Excluded: "excluded", Cancelled: "cancelled", moved: "moved",
}

func (s State) String() string { return stateNames[s] }

// MarshalText writes the name of a state.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// isOpen reports whether a task has not ended.
func (s State) isOpen() bool { return s == Waiting || s == Claimed }

// outcomes are those of a chunk. The zero value is that of a chunk which nobody has begun.
type outcomes struct {
	Version int             `json:"version"`           // counts the writes
	Writer  string          `json:"writer"`            // the execution of the chunk that has written it; random
	States  string          `json:"states"`            // a letter per task
	Took    []int64         `json:"took,omitempty"`    // milliseconds of the last attempt of each task; nil: all took less than one
	Details map[int]*Detail `json:"details,omitempty"` // of tasks that need more words
	Worker  string          `json:"worker,omitempty"`

	Outputs []object.Description `json:"outputs,omitempty"` // of the objects with what attempts have written
}

// Detail is what is known of a task beyond its state.
type Detail struct {
	Attempts int       `json:"attempts,omitempty"` // that have ended; 0 stands for 1 if the task has ended
	Error    string    `json:"error,omitempty"`
	Class    string    `json:"class,omitempty"`
	Retry    time.Time `json:"retry,omitzero"` // not before
	Exit     *int      `json:"exit,omitempty"`
	CPU      int64     `json:"cpu,omitempty"`    // milliseconds
	Memory   int64     `json:"memory,omitempty"` // bytes, at most resident
	Cut      int64     `json:"cut,omitempty"`    // bytes of output that were not kept
	Begun    bool      `json:"begun,omitempty"`  // an attempt has begun; not all that begin are recorded
	Lost     bool      `json:"lost,omitempty"`   // the last attempt was lost with its worker
}

// newOutcomes returns the outcomes of tasks that nobody has begun.
func newOutcomes(tasks int) outcomes {
	return outcomes{States: strings.Repeat(string(rune(Waiting)), tasks)}
}

func (o *outcomes) state(i int) State { return State(o.States[i]) }

func (o *outcomes) setState(i int, s State) {
	o.States = o.States[:i] + string(rune(s)) + o.States[i+1:]
}

// setTook sets how long the last attempt of a task took.
func (o *outcomes) setTook(i int, took time.Duration) {
	if len(o.Took) == 0 {
		if took < time.Millisecond {
			return
		}
		o.Took = make([]int64, len(o.States))
	}
	o.Took[i] = took.Milliseconds()
}

// detail returns the detail of a task, to be changed.
func (o *outcomes) detail(i int) *Detail {
	if o.Details == nil {
		o.Details = map[int]*Detail{}
	}
	if o.Details[i] == nil {
		o.Details[i] = &Detail{}
	}
	return o.Details[i]
}

// attempts returns how many attempts of a task have ended.
func (o *outcomes) attempts(i int) int {
	if d := o.Details[i]; d != nil && d.Attempts > 0 {
		return d.Attempts
	}
	if s := o.state(i); s == Done || s == Failed || s == Excluded {
		return 1
	}
	return 0
}

// isDue reports whether a task may begin.
func (o *outcomes) isDue(i int, now time.Time) bool {
	return o.state(i).isOpen() && !o.retry(i).After(now)
}

func (o *outcomes) retry(i int) time.Time {
	if d := o.Details[i]; d != nil {
		return d.Retry
	}
	return time.Time{}
}

// remaining returns how many tasks have not ended, and when the first of them may begin; zero is now.
func (o *outcomes) remaining() (open int, again time.Time) {
	for i := range o.States {
		if !o.state(i).isOpen() {
			continue
		}
		if at := o.retry(i); open == 0 || at.Before(again) {
			again = at
		}
		open++
	}
	return open, again
}
