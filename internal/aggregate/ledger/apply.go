// Applies the changes that an institution reports to the entries of an account.

package ledger

import (
	"fmt"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
)

// Apply decides what becomes of the transactions of an account with the changes that its institution reports. known are all its entries, and at is
// when the changes were fetched. Applied again to its own result, the same changes make no version.
//
// An invalid transaction or balance is left out with a warning, and nothing is proven. An error means that nothing can be used.
func Apply(a Account, known []Entry, s State, c *connector.Changes, at time.Time) (Result, error) {
	r, err := readReport(a, c)
	if err != nil {
		return Result{}, err
	}
	b, err := open(a, known, s, at)
	if err != nil {
		return Result{}, err
	}
	balances := b.readBalances(r, c)
	unknown := b.follow(r, b.updateKnown(r))
	unknown = b.joinReissued(r, unknown)
	unknown = b.joinPosted(r, unknown, true)
	b.vanishGone(r)
	candidates := b.pendings(r, unknown, false)
	added := b.joinAmbiguous(r, unknown, balances)
	b.suggestPosted(candidates, added)
	b.prune()
	verdicts := b.judge(r, balances)
	stated := b.keepBalances(balances)
	return b.result(verdicts, stated, r.warnings), nil
}

// result ends an operation.
func (b *book) result(verdicts []Verdict, stated []Stated, warnings []error) Result {
	entries, versions := b.finish()
	return Result{
		Entries: entries, Versions: versions, Balances: stated, State: b.state,
		Verdicts: verdicts, Warnings: warnings,
	}
}

// Accept makes the two transactions of an open suggestion one.
func Accept(a Account, known []Entry, s State, id string, at time.Time) (Result, error) {
	b, o, err := openSuggestion(a, known, s, id, at)
	if err != nil {
		return Result{}, err
	}
	b.merge(b.entries[o.Older], b.entries[o.Newer], ByPerson, "accepted: "+o.Evidence)
	return b.decided(), nil
}

// Reject records that the two transactions of an open suggestion are separate ones. It is never suggested again.
func Reject(a Account, known []Entry, s State, id string, at time.Time) (Result, error) {
	b, o, err := openSuggestion(a, known, s, id, at)
	if err != nil {
		return Result{}, err
	}
	b.reject(o.Pair)
	b.decidedPairs[o.Pair] = true
	return b.decided(), nil
}

// Undo separates a transaction at one of its earlier ids: what it became later is a transaction of its own, and stays one.
func Undo(a Account, known []Entry, s State, entry, source string, at time.Time) (Result, error) {
	b, err := open(a, known, s, at)
	if err != nil {
		return Result{}, err
	}
	e := b.entries[entry]
	if e == nil || e.Status == Merged || e.alias(source) < 0 {
		return Result{}, failure.Wrap(failure.Data, fmt.Errorf("account %q has no transaction %s with the earlier id %q", a.ID, entry, source))
	}
	position := e.alias(source)
	if e.Aliases[position].Status == "" {
		return Result{}, failure.Wrap(failure.Data, fmt.Errorf("transaction %s cannot be separated at %q: the institution never reported that id", entry, source))
	}
	newer := b.split(e, position, fmt.Sprintf("a person says that %q is a separate transaction", source))
	b.reject(Pair{e.ID, newer.ID})
	return b.decided(), nil
}

// openSuggestion finds an open suggestion about entries that still are what they were.
func openSuggestion(a Account, known []Entry, s State, id string, at time.Time) (*book, Suggestion, error) {
	b, err := open(a, known, s, at)
	if err != nil {
		return nil, Suggestion{}, err
	}
	i := s.find(id)
	if i < 0 || !b.applies(&s.Open[i]) {
		return nil, Suggestion{}, failure.Wrap(failure.Data, fmt.Errorf("account %q has no open suggestion %q", a.ID, id))
	}
	return b, s.Open[i], nil
}

// decided ends a decision of a person. The last stated balances are compared again.
func (b *book) decided() Result {
	b.prune()
	return b.result(b.judge(nil, b.state.Stated), nil, nil)
}
