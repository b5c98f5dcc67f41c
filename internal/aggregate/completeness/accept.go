// Accepts unproven intervals on a person's word, recorded with time and reason, and withdraws acceptances.

package completeness

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Acceptance records that a person knows an interval not to be proven, and that it is not to be reported any more.
type Acceptance struct {
	Statement string    `json:"statement"` // the interval, by its name for --accept
	Time      time.Time `json:"time"`
	Reason    string    `json:"reason"`
	Account   string    `json:"account"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Was       State     `json:"was"`
	Why       string    `json:"why"`              // what did not balance
	Number    string    `json:"number,omitempty"` // of the statement
}

// Accept records that an interval is accepted for a reason. The interval is named as by Judge, or by the number of its statement
// if that is unique. Streams do not change. until is the last day to which calendars apply; empty means the default.
func (c *Accounts) Accept(ctx context.Context, name, reason, until string, now time.Time) (accepted Acceptance, err error) {
	var found []Acceptance
	known := false
	_, err = c.Judge(ctx, Query{Until: until}, func(a Account) error {
		for _, i := range a.Intervals {
			known = known || i.Accepted != nil && i.isNamed(name)
			if i.acceptable() && i.isNamed(name) {
				found = append(found, Acceptance{i.Name, now.UTC(), reason, a.Account, i.From, i.To, i.State, i.Reason, i.Number})
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return accepted, err
	case len(found) > 1:
		names := make([]string, len(found))
		for n, f := range found {
			names[n] = f.Statement
		}
		return accepted, acceptError("accept %s: %d intervals have this number: name one of %s", name, len(found), strings.Join(names, ", "))
	case len(found) == 0 && known:
		return accepted, acceptError("accept %s: it is already accepted; --undo withdraws the acceptance", name)
	case len(found) == 0:
		return accepted, acceptError("accept %s: no interval that is BROKEN or UNKNOWN has this name: `bursar completeness` names them", name)
	}
	err = c.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(acceptedPrefix+found[0].Statement, found[0]) })
	return found[0], err
}

// Undo withdraws an acceptance: the interval is judged by its statements again. It is named as in Accept.
func (c *Accounts) Undo(ctx context.Context, name string) (undone Acceptance, err error) {
	all, err := c.acceptances(ctx)
	if err != nil {
		return undone, err
	}
	found := []string{name}
	if all.byName[name] == nil {
		if found, err = c.accepted(ctx, all, name); err != nil {
			return undone, err
		}
	}
	switch len(found) {
	case 0:
		names := slices.Sorted(maps.Keys(all.byName))
		return undone, acceptError("undo accept %s: it is not accepted; what is: %s", name, cmp.Or(strings.Join(names, ", "), "nothing"))
	case 1:
		err = c.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Delete(acceptedPrefix + found[0]) })
		return *all.byName[found[0]], err
	}
	return undone, acceptError("undo accept %s: %d accepted intervals have this number: name one of %s", name, len(found), strings.Join(found, ", "))
}

// accepted lists the acceptances whose statement has this number, or whose interval has this name in another version of Bursar.
func (c *Accounts) accepted(ctx context.Context, all acceptances, name string) ([]string, error) {
	found := map[string]bool{}
	for id, a := range all.byName {
		if a.Number == name {
			found[id] = true
		}
	}
	_, err := c.Judge(ctx, Query{}, func(a Account) error {
		for _, i := range a.Intervals {
			if i.Accepted != nil && i.isNamed(name) {
				found[i.Name] = true
			}
		}
		return nil
	})
	return slices.Sorted(maps.Keys(found)), err
}

func acceptError(format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf(format, args...))
}
