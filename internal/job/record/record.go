// Package record keeps the slots of jobs in the catalog. It owns their documents, and guarantees that each due time of a job ends in exactly
// one state, whichever processes decide, and however often: what is due up to a job's cursor is recorded, and the cursor moves in the same
// transaction. The package must not know what tasks are, or Temporal.
package record

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// Ref names a slot.
type Ref struct {
	Job string    `json:"job"`
	Due time.Time `json:"due"`
	Run int       `json:"run,omitempty"` // 0: as it was due; others were asked for by a person
}

// String writes a reference as in reminders/2026-11-25T08:00:00Z, with /2 for run 2.
func (r Ref) String() string { return r.In(time.UTC) }

// In writes a reference with the clock of a zone, as people see it.
func (r Ref) In(zone *time.Location) string {
	text := r.Job + "/" + r.Due.In(zone).Format(time.RFC3339)
	if r.Run > 0 {
		text += "/" + strconv.Itoa(r.Run)
	}
	return text
}

// ParseRef reads what String writes.
func ParseRef(text string) (Ref, error) {
	job, rest, _ := strings.Cut(text, "/")
	due, run, hasRun := strings.Cut(rest, "/")
	ref := Ref{Job: job}
	var err error
	if ref.Due, err = time.Parse(time.RFC3339, due); err == nil && hasRun {
		ref.Run, err = strconv.Atoi(run)
	}
	if err != nil || job == "" || ref.Run < 0 || ref.Run > mostRuns || ref.Due.Nanosecond() != 0 || ref.Due.Unix() < 0 || ref.Due.Unix() > lastDue {
		return ref, failure.Wrap(failure.Data, fmt.Errorf("%q is not a slot: write JOB/DUE, as in reminders/2026-11-25T08:00:00Z", text))
	}
	ref.Due = ref.Due.UTC()
	return ref, nil
}

// Slot is a slot, or a range of due times that were skipped for the same reason.
type Slot struct {
	Ref
	First  *time.Time `json:"first,omitempty"` // of a range, whose last due time is Due
	Count  int        `json:"count"`           // due times; 1 but for ranges
	Kind   slot.Kind  `json:"kind"`
	State  slot.State `json:"state"`
	Reason string     `json:"reason,omitempty"` // of skipped, blocked and cancelled ones
	By     string     `json:"by,omitempty"`     // who has asked for it

	FailedOf *int `json:"failed_of,omitempty"` // a run of the same due time: only tasks that it has not done are executed; nil: all
	FirstRun *int `json:"first_run,omitempty"` // with FailedOf: the run that had all tasks

	Began       *time.Time `json:"began,omitempty"`
	Ended       *time.Time `json:"ended,omitempty"`
	Overdue     *time.Time `json:"overdue,omitempty"` // when it was noticed that it has not ended by its deadline
	CancelAsked *time.Time `json:"cancel_asked,omitempty"`
	CancelBy    string     `json:"cancel_by,omitempty"`

	Summary Summary `json:"tasks"`
}

// Includes reports whether a due time is that of the slot, or in its range.
func (s *Slot) Includes(due time.Time) bool {
	return due.Equal(s.Due) || s.First != nil && !due.Before(*s.First) && !due.After(s.Due)
}

// Summary counts the tasks of a slot.
type Summary struct {
	Tasks     int    `json:"tasks"`
	Done      int    `json:"done"`
	Failed    int    `json:"failed"`
	Excluded  int    `json:"excluded,omitempty"`
	Cancelled int    `json:"cancelled,omitempty"`
	Retried   int    `json:"retried,omitempty"`
	Error     string `json:"error,omitempty"` // of the slot, or of the first task that failed
	Class     string `json:"class,omitempty"`
}

// Counters count the slots of a job since it is known.
type Counters struct {
	Fired   int64 `json:"fired"` // begun
	Done    int64 `json:"done"`
	Failed  int64 `json:"failed"`
	Skipped int64 `json:"skipped"`
	Late    int64 `json:"late"`
	Blocked int64 `json:"blocked"`
	Tasks   int64 `json:"tasks"` // of slots that have ended
}

// add counts a slot that has ended.
func (c *Counters) add(s *Slot) {
	n := int64(s.Count)
	switch s.State {
	case slot.Done:
		c.Done += n
	case slot.Failed:
		c.Failed += n
	case slot.Skipped:
		c.Skipped += n
	case slot.Late:
		c.Late += n
	case slot.Blocked:
		c.Blocked += n
	}
	c.Tasks += int64(s.Summary.Tasks)
}

// State is what is known of a job.
type State struct {
	Job      string     `json:"job"`
	Since    time.Time  `json:"since"`  // nothing before was due
	Cursor   time.Time  `json:"cursor"` // everything that was due until then is recorded
	Paused   *time.Time `json:"paused,omitempty"`
	PausedBy string     `json:"paused_by,omitempty"`
	Counters Counters   `json:"counters"`
	Removed  Counters   `json:"removed"` // of the slots that are not kept any more

	// Window and Begun are the current window of catch_up.rate, and how many slots have begun in it.
	Window time.Time `json:"window,omitzero"`
	Begun  int       `json:"begun,omitempty"`
}

// Slots are those of a project. It is safe for concurrent use, in several processes.
type Slots struct {
	Catalog catalog.Catalog
	Now     func() time.Time
	// Noticed is called for each slot that has ended, or was noticed to be late, once that is recorded; nil: nobody wants to know.
	Noticed func(Slot)
}

// update changes slots in one transaction, and then reports what was noticed.
func (s *Slots) update(ctx context.Context, jobs []*project.Job, fn func(*decision) error) (out Decided, err error) {
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		d := s.decision(tx, jobs)
		if err := fn(d); err != nil {
			return err
		}
		out = d.Decided
		return nil
	})
	if err != nil || s.Noticed == nil {
		return out, err
	}
	for _, one := range slices.Concat(out.Ended, out.Late) {
		s.Noticed(one)
	}
	return out, nil
}

const (
	statePrefix   = "jobs/state/"
	slotPrefix    = "jobs/slot/"
	waitingPrefix = "jobs/waiting/"
	runningPrefix = "jobs/running/"
)

// The limits within which keys are in the order of due times, in seconds, and of runs.
const (
	lastDue  = 99_999_999_999 // in the year 5138; the first is in 1970
	mostRuns = 999_999
)

func stateKey(job string) string { return statePrefix + job }

// slotKey returns the key of a slot: the newest slots of a job come first, and of the same due time the newest run.
func slotKey(r Ref) string { return slotPrefix + r.Job + "/" + newestFirst(r.Due, r.Run) }

// newestFirst returns a text that is less for later slots.
func newestFirst(due time.Time, run int) string {
	return fmt.Sprintf("%011d/%06d", lastDue-due.Unix(), mostRuns-run)
}

// newestFrom returns a text below that of each slot which is due at or before a time, and above that of later ones.
func newestFrom(due time.Time) string {
	seconds, _, _ := strings.Cut(newestFirst(due, 0), "/")
	return seconds
}

// waitingKey returns the key of a waiting slot in the order in which they begin.
func waitingKey(s *Slot) string {
	priority := 0
	for i, kind := range slot.Kinds() {
		if kind == s.Kind {
			priority = i
		}
	}
	return fmt.Sprintf("%s%s/%d/%011d/%06d", waitingPrefix, s.Job, priority, s.Due.Unix(), s.Run)
}

func runningKey(r Ref) string {
	return fmt.Sprintf("%s%s/%011d/%06d", runningPrefix, r.Job, r.Due.Unix(), r.Run)
}

// put writes a slot and what lists it.
func put(tx catalog.Tx, s *Slot) error {
	if err := tx.Put(slotKey(s.Ref), s); err != nil {
		return err
	}
	for key, lists := range map[string]bool{waitingKey(s): s.State == slot.Waiting, runningKey(s.Ref): s.State == slot.Running} {
		var err error
		if lists {
			err = tx.Put(key, s.Ref)
		} else {
			err = tx.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// get reads a slot; nil if there is none.
func get(tx catalog.Tx, r Ref) (*Slot, error) {
	var s Slot
	found, err := tx.Get(slotKey(r), &s)
	if err != nil || !found {
		return nil, err
	}
	return &s, nil
}

// existing is get for a slot that must be there.
func existing(tx catalog.Tx, r Ref) (*Slot, error) {
	s, err := get(tx, r)
	if s == nil && err == nil {
		err = notFound(r)
	}
	return s, err
}

// listed is get for a slot that is listed as waiting or running.
func listed(tx catalog.Tx, r Ref) (*Slot, error) {
	s, err := get(tx, r)
	if s == nil && err == nil {
		err = failure.Wrap(failure.Bug, fmt.Errorf("read the slot %s, which is listed as open: the catalog has no document of it", r))
	}
	return s, err
}

// newest returns the newest slot of a job that is due at or before a time, or at any time; nil if there is none. Ranges are due at their end.
func newest(tx catalog.Tx, job string, until time.Time) (*Slot, error) {
	prefix, after := slotPrefix+job+"/", ""
	if !until.IsZero() {
		after = prefix + newestFrom(until)
	}
	for s, err := range catalog.Documents[Slot](tx, prefix, after) {
		return &s, err
	}
	return nil, nil
}

// end records the end of a slot, and counts it.
func (st *State) end(tx catalog.Tx, s *Slot, state slot.State, reason string, now time.Time) error {
	s.State, s.Reason, s.Ended = state, reason, &now
	st.Counters.add(s)
	return put(tx, s)
}

func readState(tx catalog.Tx, job string) (*State, bool, error) {
	st := State{Job: job}
	found, err := tx.Get(stateKey(job), &st)
	return &st, found, err
}

// NotFoundError is the error of a job or a slot that does not exist.
type NotFoundError struct {
	What string
	Why  string // the reason, if it is known
}

func (e *NotFoundError) Error() string {
	if e.Why != "" {
		return e.What + " not found: " + e.Why
	}
	return e.What + " not found"
}

// Class is Data: a repeated question has the same answer.
func (e *NotFoundError) Class() failure.Class { return failure.Data }

// ExitCode is that of what was not found.
func (e *NotFoundError) ExitCode() int { return 3 }

func notFound(r Ref) error { return &NotFoundError{What: "slot " + r.String()} }
