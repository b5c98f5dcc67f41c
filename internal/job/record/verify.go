// Checks the documents of slots: what lists the open ones, and what counts those that have ended.

package record

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/slot"
)

// Verify checks that each open slot of each job is listed as such, that nothing else is, and that the counters of a job are those of its slots. It
// returns how many slots there are, and sees each job in one state, so that other processes may go on.
func (s *Slots) Verify(ctx context.Context, faults *Faults) (slots int, err error) {
	jobs, err := s.Jobs(ctx)
	if err != nil {
		return 0, err
	}
	for _, job := range jobs {
		v, err := s.verifyJob(ctx, job)
		if err != nil {
			return slots, fmt.Errorf("verify the slots of %s: %w", job, err)
		}
		slots += v.slots
		faults.Join(&v.Faults)
	}
	return slots, nil
}

// Jobs returns the names of the jobs that the catalog knows, whether or not they are declared.
func (s *Slots) Jobs(ctx context.Context) ([]string, error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (names []string, err error) {
		seen := map[string]bool{}
		for _, prefix := range []string{statePrefix, slotPrefix, waitingPrefix, runningPrefix} {
			for name, err := range jobsUnder(tx, prefix) {
				if err != nil {
					return nil, err
				}
				if !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
		return names, nil
	})
}

// jobsUnder yields the names of the jobs that have documents under a prefix. It reads one document of each.
func jobsUnder(tx catalog.Tx, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for after := prefix; ; {
			name := ""
			err := failure.UnlessStopped(tx.ListAfter(prefix, after, func(key string, _ json.RawMessage) error {
				name, _, _ = strings.Cut(strings.TrimPrefix(key, prefix), "/")
				return failure.ErrStop
			}))
			if err == nil && name == "" || !yield(name, err) || err != nil {
				return
			}
			after = prefix + name + afterSlash
		}
	}
}

// slotsAtOnce bounds the documents of slots that one transaction reads.
const slotsAtOnce = 100

// EachBegun calls fn for each slot of a job that has begun, outside of transactions, until it fails. Misplaced documents are left out.
func (s *Slots) EachBegun(ctx context.Context, job string, fn func(*Slot) error) error {
	for after := ""; ; {
		list, last, err := s.begunAfter(ctx, job, after)
		if err != nil || last == "" {
			return err
		}
		for i := range list {
			if err := fn(&list[i]); err != nil {
				return err
			}
		}
		after = last
	}
}

// begunAfter reads the next documents of a job above a key. It returns the slots among them that have begun, and the key of the last document,
// which is empty at the end. The key is the listed one: what a damaged document says of itself may lead back to documents that were read before.
func (s *Slots) begunAfter(ctx context.Context, job, after string) (list []Slot, last string, err error) {
	err = s.Catalog.View(ctx, func(tx catalog.Tx) error {
		list, last = nil, ""
		read := 0
		return failure.UnlessStopped(eachDocument(tx, job, after, func(key string, one *Slot) error {
			if one.Began != nil && !isMisplaced(key, one) {
				list = append(list, *one)
			}
			last = key
			if read++; read == slotsAtOnce {
				return failure.ErrStop
			}
			return nil
		}))
	})
	return list, last, err
}

// eachDocument calls fn for each document of a slot of a job whose key is above after, which may be empty, until it fails.
func eachDocument(tx catalog.Tx, job, after string, fn func(key string, s *Slot) error) error {
	return tx.ListAfter(slotPrefix+job+"/", after, func(key string, value json.RawMessage) error {
		var one Slot
		if err := json.Unmarshal(value, &one); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		return fn(key, &one)
	})
}

// isMisplaced reports whether a document has another key than that of the slot which it describes. It is no record of either.
func isMisplaced(key string, s *Slot) bool { return slotKey(s.Ref) != key }

// Exists reports whether there is a record of a slot.
func Exists(tx catalog.Tx, ref Ref) (bool, error) {
	s, err := get(tx, ref)
	return s != nil, err
}

// verification is that of one job, in a transaction.
type verification struct {
	Faults
	tx       catalog.Tx
	job      string
	slots    int
	counters Counters // of the slots

	first, last time.Time // of the due times that nobody has asked for; zero: there are none
}

func (s *Slots) verifyJob(ctx context.Context, job string) (v *verification, err error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (*verification, error) {
		v := &verification{tx: tx, job: job}
		for _, check := range []func() error{v.checkSlots, v.checkLists, v.checkState} {
			if err := check(); err != nil {
				return nil, err
			}
		}
		return v, nil
	})
}

// checkSlots checks that each slot has the key of what it says it is, and that the open ones are listed.
func (v *verification) checkSlots() error {
	return eachDocument(v.tx, v.job, "", func(key string, s *Slot) error {
		if isMisplaced(key, s) {
			v.Add("the document %s is that of slot %s", key, s.Ref)
			return nil
		}
		v.count(s)
		if isListed, err := isListed(v.tx, s); err != nil || isListed {
			return err
		}
		v.Add("slot %s is %s, but the list of %s slots lacks it", s.Ref, s.State, s.State)
		return nil
	})
}

// count counts a slot. The newest comes first.
func (v *verification) count(s *Slot) {
	v.slots++
	v.counters.count(s)
	if s.Run > 0 {
		return
	}
	if v.last.IsZero() {
		v.last = s.Due
	}
	if v.first = s.Due; s.First != nil {
		v.first = *s.First
	}
}

// isListed reports whether a slot is listed as it should be: if it is open.
func isListed(tx catalog.Tx, s *Slot) (bool, error) {
	key := listKey(s)
	if key == "" {
		return true, nil
	}
	var listed Ref
	found, err := tx.Get(key, &listed)
	return found && listed.Job == s.Job && listed.Due.Equal(s.Due) && listed.Run == s.Run, err
}

// listKey returns the key under which an open slot is listed; empty if it has ended.
func listKey(s *Slot) string {
	switch s.State {
	case slot.Waiting:
		return waitingKey(s)
	case slot.Running:
		return runningKey(s.Ref)
	}
	return ""
}

// checkLists checks that what is listed as open is open.
func (v *verification) checkLists() error {
	return eachListed(v.tx, v.job, func(key string, state slot.State, ref Ref, s *Slot) error {
		switch {
		case s == nil:
			v.Add("slot %s is in the list of %s slots, but its document is missing", ref, state)
		case listKey(s) != key:
			v.Add("slot %s is %s, but it is in the list of %s slots", ref, s.State, state)
		}
		return nil
	})
}

// eachListed calls fn for each slot of a job that is listed as open, with the state as which it is listed; s is nil if there is no document of it.
func eachListed(tx catalog.Tx, job string, fn func(key string, state slot.State, ref Ref, s *Slot) error) error {
	for prefix, state := range map[string]slot.State{waitingPrefix: slot.Waiting, runningPrefix: slot.Running} {
		err := tx.List(prefix+job+"/", func(key string, value json.RawMessage) error {
			var ref Ref
			if err := json.Unmarshal(value, &ref); err != nil {
				return fmt.Errorf("read %s: %w", key, err)
			}
			s, err := get(tx, ref)
			if err != nil {
				return err
			}
			return fn(key, state, ref, s)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkState checks that the counters of the job are those of its slots. So a slot that is missing is noticed, also if nothing else names it.
func (v *verification) checkState() error {
	st, found, err := readState(v.tx, v.job)
	switch {
	case err != nil:
		return err
	case !found:
		v.Add("the state of job %s is missing", v.job)
	case st.Counters != v.counters.plus(st.Removed):
		v.Add("job %s has counted %s; its slots are %s", v.job, st.Counters, v.counters.plus(st.Removed))
	}
	return nil
}

// count counts a slot, which may be open.
func (c *Counters) count(s *Slot) {
	if s.Began != nil {
		c.Fired++
	}
	if !s.State.IsOpen() {
		c.add(s)
	}
}

// plus returns the sum of two counters.
func (c Counters) plus(o Counters) Counters {
	return Counters{c.Fired + o.Fired, c.Done + o.Done, c.Failed + o.Failed, c.Skipped + o.Skipped, c.Late + o.Late, c.Blocked + o.Blocked, c.Tasks + o.Tasks}
}

// String lists what is not 0.
func (c Counters) String() string {
	var parts []string
	for i, n := range []int64{c.Fired, c.Done, c.Failed, c.Skipped, c.Late, c.Blocked, c.Tasks} {
		if n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, [...]string{"fired", "done", "failed", "skipped", "late", "blocked", "tasks"}[i]))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
