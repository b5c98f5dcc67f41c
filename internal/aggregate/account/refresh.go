// The steps of one refresh, as the record of its account has them.

package account

import (
	"cmp"
	"context"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Begin records that a session of a refresh begins, and returns the record. It changes nothing if the refresh has fetched everything, or has ended:
// IsFetching of the record says so.
func (s *Accounts) Begin(ctx context.Context, r Ref, refresh int) (*Account, error) {
	return s.change(ctx, r, func(_ catalog.Tx, a *Account) error {
		if !a.IsFetching(refresh) {
			return nil
		}
		now := s.Now().UTC()
		if a.Begun.IsZero() {
			a.Begun = now
		}
		a.set(Fetching, "", now)
		return nil
	})
}

func (a *Account) set(state State, reason string, now time.Time) {
	if a.State != state {
		a.Since = now
	}
	a.State, a.Reason, a.Class = state, reason, ""
	if state != Asking {
		a.Question = ""
	}
}

// Fetched is what a session has fetched.
type Fetched struct {
	Refresh   int
	Documents []Document
	Cursor    string // that counts when the documents are processed
	Requests  int
}

// IsRunning reports whether the refresh of a number is the one that runs.
func (a *Account) IsRunning(refresh int) bool { return a.Running && a.Refresh == refresh }

// IsFetching reports whether the refresh of a number runs, and has not fetched everything: a session may begin, or go on.
func (a *Account) IsFetching(refresh int) bool { return a.IsRunning(refresh) && a.State != Processing }

// Fetched records what the session of a refresh has fetched, and returns the record. The institution is free for other accounts. The session that ends
// first counts: what another one has fetched late is not processed.
func (s *Accounts) Fetched(ctx context.Context, r Ref, f Fetched) (*Account, error) {
	return s.change(ctx, r, func(tx catalog.Tx, a *Account) error {
		if !a.IsFetching(f.Refresh) {
			return nil
		}
		a.Documents, a.Fetched, a.Answer = f.Documents, f.Cursor, ""
		a.Requests += f.Requests
		a.set(Processing, "", s.Now().UTC())
		return tx.Delete(runningKey(r))
	})
}

// Retrying records why the refresh waits for another attempt, and returns the record.
func (s *Accounts) Retrying(ctx context.Context, r Ref, refresh int, cause error) (*Account, error) {
	return s.change(ctx, r, func(_ catalog.Tx, a *Account) error {
		if a.IsFetching(refresh) {
			a.set(Waiting, cause.Error(), s.Now().UTC())
			a.Class = failure.Of(cause).String()
			if failure.Of(cause) != failure.Throttled {
				a.Attempts++
			}
		}
		return nil
	})
}

// Asked is why a refresh waits for a person: for the answer to a question, or, without a question, for new credentials.
type Asked struct {
	Refresh  int
	Question string
	Reason   string
	Requests int // of the visit
}

// Ask records that a refresh waits for a person.
func (s *Accounts) Ask(ctx context.Context, r Ref, q Asked) error {
	_, err := s.change(ctx, r, func(tx catalog.Tx, a *Account) error {
		if !a.IsFetching(q.Refresh) {
			return nil
		}
		a.Answer = "" // that of an earlier question was not accepted
		a.Requests += q.Requests
		state := Asking
		if q.Question == "" {
			state = Rejected
		}
		a.set(state, q.Reason, s.Now().UTC())
		a.Question = q.Question
		return tx.Delete(runningKey(r))
	})
	return err
}

// Answer records the encrypted answer to the question of an account. asked is false if it waits for none.
func (s *Accounts) Answer(ctx context.Context, r Ref, encrypted string) (asked bool, err error) {
	_, err = s.change(ctx, r, func(_ catalog.Tx, a *Account) error {
		if asked = a.State == Asking; asked {
			a.Answer = encrypted
		}
		return nil
	})
	return asked, err
}

// Processed records that a document of a refresh is processed, by its object; refused says why it could not be read.
func (s *Accounts) Processed(ctx context.Context, r Ref, refresh int, object, refused string) error {
	_, err := s.change(ctx, r, func(_ catalog.Tx, a *Account) error {
		if !a.IsRunning(refresh) {
			return nil
		}
		for i := range a.Documents {
			if d := &a.Documents[i]; d.Object == object {
				d.Done, d.Refused = true, refused
			}
		}
		return nil
	})
	return err
}

// Ending is how a refresh ends.
type Ending struct {
	Err  error     // nil: it is complete
	Next time.Time // when the next refresh is due; zero: when a person asks for it
}

// End records the end of a refresh, and returns the record; nil if another refresh has begun since, or this one ended before.
func (s *Accounts) End(ctx context.Context, r Ref, refresh int, e Ending) (ended *Account, err error) {
	_, err = s.change(ctx, r, func(tx catalog.Tx, a *Account) error {
		ended = nil
		if !a.IsRunning(refresh) {
			return nil
		}
		ended = a
		now := s.Now().UTC()
		a.Running, a.Asked, a.Answer, a.Ended = false, false, "", now
		a.set(Waiting, "", now)
		a.Since, a.Next = now, e.Next
		if e.Err == nil {
			a.Outcome, a.Succeeded, a.Failures = Complete, now, 0
			if a.Standing == nil || !a.Standing.Partial {
				a.Covered = now
			}
		} else {
			a.Outcome, a.Reason, a.Class = Failed, e.Err.Error(), failure.Of(e.Err).String()
			a.Failures++
		}
		return tx.Delete(runningKey(r))
	})
	return ended, err
}

// Commit keeps the cursor of what a refresh has stored, in the transaction of the caller that stores it. It changes nothing if the refresh has ended.
func Commit(tx catalog.Tx, r Ref, refresh int, cursor string) error {
	a, err := get(tx, r)
	if err != nil || !a.IsRunning(refresh) || a.Cursor == cursor {
		return err
	}
	a.Cursor = cursor
	return tx.Put(key(r), a)
}

// Judge calls fn, which stores what a refresh has fetched, in the transaction of the caller, and keeps the cursor and the standing that it returns. An
// empty cursor, or no standing, leaves what there was. It does nothing if the refresh has ended, or if this is done already: then it would be done on
// top of its own result.
func Judge(tx catalog.Tx, r Ref, refresh int, fn func(*Account) (cursor string, s *Standing, err error)) error {
	a, err := get(tx, r)
	if err != nil || !a.IsRunning(refresh) || a.Judged {
		return err
	}
	cursor, s, err := fn(a)
	if err != nil {
		return err
	}
	a.Judged, a.Cursor = true, cmp.Or(cursor, a.Cursor)
	if s != nil {
		a.Standing = s
	}
	return tx.Put(key(r), a)
}
