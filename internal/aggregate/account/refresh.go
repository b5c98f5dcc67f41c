// The steps of one refresh, as the record of its account has them.

package account

import (
	"context"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Begin records that a session of the account's refresh begins, and returns the record. A refresh that ended is followed by the next one; one that
// is running goes on, without what it has fetched so far.
func (s *Accounts) Begin(ctx context.Context, r Ref) (*Account, error) {
	return s.change(ctx, r, func(_ catalog.Tx, a *Account) error {
		now := s.Now().UTC()
		if !a.Running || a.Begun.IsZero() {
			a.Refresh++
			a.Begun, a.Requests = now, 0
		}
		a.Running = true
		a.Documents, a.Fetched = nil, ""
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

// isRunning reports whether the refresh of a number is the one that runs.
func (a *Account) isRunning(refresh int) bool { return a.Running && a.Refresh == refresh }

// Fetched records what the session of a refresh has fetched. The institution is free for other accounts.
func (s *Accounts) Fetched(ctx context.Context, r Ref, f Fetched) error {
	_, err := s.change(ctx, r, func(tx catalog.Tx, a *Account) error {
		if !a.isRunning(f.Refresh) {
			return nil
		}
		a.Documents, a.Fetched, a.Answer = f.Documents, f.Cursor, ""
		a.Requests += f.Requests
		a.set(Processing, "", s.Now().UTC())
		return tx.Delete(runningKey(r))
	})
	return err
}

// Retrying records why the refresh waits for another attempt.
func (s *Accounts) Retrying(ctx context.Context, r Ref, refresh int, cause error) error {
	_, err := s.change(ctx, r, func(_ catalog.Tx, a *Account) error {
		if a.isRunning(refresh) {
			a.set(Waiting, cause.Error(), s.Now().UTC())
			a.Class = failure.Of(cause).String()
		}
		return nil
	})
	return err
}

// Ask records that the refresh waits for a person: for the answer to a question, or, without a question, for new credentials.
func (s *Accounts) Ask(ctx context.Context, r Ref, refresh int, question, reason string) error {
	_, err := s.change(ctx, r, func(tx catalog.Tx, a *Account) error {
		if !a.isRunning(refresh) {
			return nil
		}
		a.Answer = "" // that of an earlier question was not accepted
		if question == "" {
			a.set(Rejected, reason, s.Now().UTC())
		} else {
			a.set(Asking, reason, s.Now().UTC())
			a.Question = question
		}
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

// Processed records that documents of a refresh are processed, by their objects; refused says why some could not be read.
func (s *Accounts) Processed(ctx context.Context, r Ref, refresh int, object, refused string) error {
	_, err := s.change(ctx, r, func(_ catalog.Tx, a *Account) error {
		if !a.isRunning(refresh) {
			return nil
		}
		a.Documents = slices.Clone(a.Documents)
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
	Err      error     // nil: it is complete
	Standing *Standing // nil: unknown
	Next     time.Time // when the next refresh is due; zero: when a person asks for it
}

// End records the end of a refresh, and returns the record; nil if another refresh has begun since, or this one ended before.
func (s *Accounts) End(ctx context.Context, r Ref, refresh int, e Ending) (ended *Account, err error) {
	_, err = s.change(ctx, r, func(tx catalog.Tx, a *Account) error {
		ended = nil
		if !a.isRunning(refresh) {
			return nil
		}
		ended = a
		now := s.Now().UTC()
		a.Running, a.Asked, a.Answer, a.Ended = false, false, "", now
		a.set(Waiting, "", now)
		a.Since, a.Next = now, e.Next
		if e.Standing != nil {
			a.Standing = e.Standing
		}
		if e.Err == nil {
			a.Outcome, a.Succeeded, a.Failures = Complete, now, 0
		} else {
			a.Outcome, a.Reason, a.Class = Failed, e.Err.Error(), failure.Of(e.Err).String()
			a.Failures++
		}
		return tx.Delete(runningKey(r))
	})
	return ended, err
}

// Commit keeps the cursor of what a refresh has stored, in the transaction of the caller that stores it. It changes nothing if another refresh has begun.
func Commit(tx catalog.Tx, r Ref, refresh int, cursor string) error {
	a, err := get(tx, r)
	if err != nil || !a.isRunning(refresh) || a.Cursor == cursor {
		return err
	}
	a.Cursor = cursor
	return tx.Put(key(r), a)
}
