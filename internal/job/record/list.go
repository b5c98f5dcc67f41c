// Lists slots and the states of jobs.

package record

import (
	"context"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
)

// Query selects slots; the zero value selects all of a job.
type Query struct {
	Job      string
	From, To time.Time // due from one time until before another; zero is no limit
	States   []slot.State
	Limit    int // 0: none
}

// List returns the slots of a job, the newest first, and the ranges of which a due time is selected; truncated is whether there are more.
func (s *Slots) List(ctx context.Context, q Query) (list []Slot, truncated bool, err error) {
	err = s.Catalog.View(ctx, func(tx catalog.Tx) error {
		list, truncated = nil, false
		prefix, after := slotPrefix+q.Job+"/", ""
		if !q.To.IsZero() {
			to := q.To.Add(-time.Nanosecond)
			after = prefix + newestFrom(to)
			if err := q.addRange(tx, to, &list); err != nil {
				return err
			}
		}
		for one, err := range catalog.Documents[Slot](tx, prefix, after) {
			switch {
			case err != nil:
				return err
			case !q.From.IsZero() && one.Due.Before(q.From):
				return nil
			case !q.includes(&one):
				continue
			case q.Limit > 0 && len(list) == q.Limit:
				truncated = true
				return nil
			}
			list = append(list, one)
		}
		return nil
	})
	return list, truncated, err
}

func (q *Query) includes(s *Slot) bool {
	return len(q.States) == 0 || slices.Contains(q.States, s.State)
}

// addRange adds the range that begins at or before a time and ends after.
func (q *Query) addRange(tx catalog.Tx, at time.Time, list *[]Slot) error {
	s, err := rangeOf(tx, Ref{Job: q.Job, Due: at})
	if err == nil && s != nil && s.Due.After(at) && q.includes(s) {
		*list = append(*list, *s)
	}
	return err
}

// Get returns a slot: of run 0 perhaps the range that includes its due time.
func (s *Slots) Get(ctx context.Context, ref Ref) (Slot, error) { return s.read(ctx, ref, find) }

// Newest returns the newest run of a due time, or the range that includes it.
func (s *Slots) Newest(ctx context.Context, job string, due time.Time) (Slot, error) {
	return s.read(ctx, Ref{Job: job, Due: due}, newestOf)
}

// newestOf returns the newest run of a due time, or the range that includes it; nil if there is none.
func newestOf(tx catalog.Tx, ref Ref) (*Slot, error) {
	found, err := newestRun(tx, ref)
	if found == nil && err == nil {
		found, err = rangeOf(tx, ref)
	}
	return found, err
}

func (s *Slots) read(ctx context.Context, ref Ref, find func(catalog.Tx, Ref) (*Slot, error)) (Slot, error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (Slot, error) {
		found, err := find(tx, ref)
		if err != nil {
			return Slot{}, err
		}
		if found == nil {
			return Slot{}, notFound(ref)
		}
		return *found, nil
	})
}

// find returns a slot, or of run 0 the range that includes its due time; nil if there is none.
func find(tx catalog.Tx, ref Ref) (*Slot, error) {
	found, err := get(tx, ref)
	if found == nil && err == nil && ref.Run == 0 {
		found, err = rangeOf(tx, ref)
	}
	return found, err
}

// rangeOf returns the range of skipped due times that includes one; nil if there is none. Ranges are found by their last due time, so it looks
// at the slots of longer and longer times after.
func rangeOf(tx catalog.Tx, ref Ref) (*Slot, error) {
	last, err := newest(tx, ref.Job, time.Time{})
	if err != nil || last == nil {
		return nil, err
	}
	for span := time.Hour; ; span *= 4 {
		until := ref.Due.Add(span)
		next, err := dueFrom(tx, ref, until)
		if err != nil || next == nil && until.Before(last.Due) {
			if err != nil {
				return nil, err
			}
			continue
		}
		if next == nil || next.First == nil || !next.Includes(ref.Due) {
			return nil, nil
		}
		return next, nil
	}
}

// dueFrom returns the first slot, of none that people have asked for, that is due from a time until another one; nil if there is none.
func dueFrom(tx catalog.Tx, ref Ref, until time.Time) (first *Slot, err error) {
	prefix := slotPrefix + ref.Job + "/"
	for s, err := range catalog.Documents[Slot](tx, prefix, prefix+newestFrom(until)) {
		if err != nil {
			return nil, err
		}
		if s.Due.Before(ref.Due) {
			break
		}
		if s.Run == 0 {
			first = &s
		}
	}
	return first, nil
}

// States returns what is known of all jobs, by name.
func (s *Slots) States(ctx context.Context) (map[string]State, error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (map[string]State, error) {
		states := map[string]State{}
		for st, err := range catalog.Documents[State](tx, statePrefix, "") {
			if err != nil {
				return nil, err
			}
			states[st.Job] = st
		}
		return states, nil
	})
}

// Open returns the slots that have not ended, by job: those that are executed, and those that wait in the order in which they begin.
func (s *Slots) Open(ctx context.Context, job string) (running, waiting []Slot, err error) {
	err = s.Catalog.View(ctx, func(tx catalog.Tx) error {
		if running, err = slotsOf(tx, runningPrefix, job); err == nil {
			waiting, err = slotsOf(tx, waitingPrefix, job)
		}
		return err
	})
	return running, waiting, err
}

func slotsOf(tx catalog.Tx, prefix, job string) (list []Slot, err error) {
	refs, err := catalog.All[Ref](tx, prefix+job+"/", "")
	for _, ref := range refs {
		one, err := get(tx, ref)
		if err != nil {
			return nil, err
		}
		if one != nil {
			list = append(list, *one)
		}
	}
	return list, err
}

// Old returns up to most slots of a job that ended before a time. Those of its last due times stay, so that later slots of other jobs find them.
func (s *Slots) Old(ctx context.Context, job string, before time.Time, most int) (old []Ref, err error) {
	err = s.Catalog.View(ctx, func(tx catalog.Tx) error {
		old = nil
		last, err := newest(tx, job, time.Time{})
		if err != nil || last == nil {
			return err
		}
		prefix := slotPrefix + job + "/"
		for one, err := range catalog.Documents[Slot](tx, prefix, prefix+newestFrom(before)) {
			if err != nil {
				return err
			}
			if one.State.IsOpen() || one.Ended == nil || !one.Ended.Before(before) || one.Due.Equal(last.Due) {
				continue
			}
			if old = append(old, one.Ref); len(old) == most {
				return nil
			}
		}
		return nil
	})
	return old, err
}

// Remove removes the records of slots of a job that have ended. Their tasks must have been removed.
func (s *Slots) Remove(ctx context.Context, job string, list []Ref) error {
	return s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		st, found, err := readState(tx, job)
		if err != nil {
			return err
		}
		for _, ref := range list {
			one, err := get(tx, ref)
			if err != nil {
				return err
			}
			if one == nil { // another process has removed it
				continue
			}
			st.Removed.count(one)
			if err := tx.Delete(slotKey(ref)); err != nil {
				return err
			}
		}
		if !found {
			return nil
		}
		return tx.Put(stateKey(job), st)
	})
}
