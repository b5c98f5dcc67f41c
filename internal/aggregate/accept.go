// Intervals that a person accepts although they are not proven: recorded with time and reason, and undone.

package aggregate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Acceptance is a person's word that an interval is known not to be proven, and is not to be reported any more.
type Acceptance struct {
	Statement string    `json:"statement"` // the interval, by its name for --accept
	Time      time.Time `json:"time"`
	Reason    string    `json:"reason"`
	Account   string    `json:"account"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Was       State     `json:"was"`
	Why       string    `json:"why"` // what did not hold
}

const acceptedPrefix = "statements/accepted/"

// acceptances are by the name of their interval.
type acceptances map[string]*Acceptance

func (c *Completeness) acceptances(ctx context.Context) (all acceptances, err error) {
	err = c.Catalog.View(ctx, func(tx catalog.Tx) error {
		all = acceptances{}
		return tx.List(acceptedPrefix, func(key string, value json.RawMessage) error {
			var a Acceptance
			if err := json.Unmarshal(value, &a); err != nil {
				return fmt.Errorf("read what was accepted: %w", err)
			}
			all[strings.TrimPrefix(key, acceptedPrefix)] = &a
			return nil
		})
	})
	return all, err
}

// nameLength is how many digits name an interval.
const nameLength = 16

// acceptable reports whether an interval can be accepted.
func (i *Interval) acceptable() bool { return i.State == Broken || i.State == Unknown }

// name names each interval of the account that can be accepted by all that is said of it: where other figures are found later, it has
// another name, so that nobody accepts what was not seen. Those that are accepted become CLAIMED.
func (all acceptances) name(a *Account) {
	alike := map[digest]uint32{}
	for n := range a.Intervals {
		i := &a.Intervals[n]
		if !i.acceptable() {
			continue
		}
		said := digestOf("interval", a.Servicer, a.Account, a.Currency, i.Kind, i.Number, i.From, i.To, string(i.State), i.Reason, i.Amount, i.Object, i.Place)
		alike[said]++
		i.Name = nth(said, alike[said]).String()[:nameLength]
		accepted := all[i.Name]
		if accepted == nil {
			continue
		}
		a.States[i.State]--
		i.State, i.Accepted = Claimed, accepted
		a.States[Claimed]++
	}
}

// Accept records that an interval is accepted for a reason. It is named as Judge names it, or by its statement's number where one interval
// alone has that, among those that the query finds. Nothing of streams changes.
func (c *Completeness) Accept(ctx context.Context, q Query, name, reason string, now time.Time) (accepted Acceptance, err error) {
	var found []Acceptance
	known := false
	err = c.Judge(ctx, q, func(a Account) error {
		for _, i := range a.Intervals {
			known = known || i.Accepted != nil && (i.Name == name || i.Number == name)
			if i.acceptable() && (i.Name == name || i.Number == name) {
				found = append(found, Acceptance{i.Name, now.UTC(), reason, a.Account, i.From, i.To, i.State, i.Reason})
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
		return accepted, refuseAccept("accept %s: %d intervals have this number: name one of %s", name, len(found), strings.Join(names, ", "))
	case len(found) == 0 && known:
		return accepted, refuseAccept("accept %s: it is accepted already: --undo takes that back", name)
	case len(found) == 0:
		return accepted, refuseAccept("accept %s: no interval that is BROKEN or UNKNOWN has this name: `bursar completeness` names them", name)
	}
	err = c.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(acceptedPrefix+found[0].Statement, found[0]) })
	return found[0], err
}

// Undo takes an acceptance back: the interval is judged by its statements again.
func (c *Completeness) Undo(ctx context.Context, name string) (undone Acceptance, err error) {
	all, err := c.acceptances(ctx)
	if err != nil {
		return undone, err
	}
	accepted := all[name]
	if accepted == nil {
		names := []string{}
		for of := range all {
			names = append(names, of)
		}
		slices.Sort(names)
		return undone, refuseAccept("undo accept %s: it is not accepted; what is: %s", name, cmp.Or(strings.Join(names, ", "), "nothing"))
	}
	err = c.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Delete(acceptedPrefix + name) })
	return *accepted, err
}

func refuseAccept(format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf(format, args...))
}
