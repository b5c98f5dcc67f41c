// Accepts unproven intervals on a person's word, recorded with time and reason, and names intervals so that an
// acceptance is found again.

package completeness

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/catalog"
	"bursar/internal/failure"
)

const acceptedPrefix = "statements/accepted/"

// acceptances are the stored acceptances, by the name of their interval.
type acceptances struct {
	byName map[string]*Acceptance
	used   map[string]bool // by name: an interval has it, or its days are outside the query
}

func (c *Accounts) acceptances(ctx context.Context) (acceptances, error) {
	return catalog.Read(ctx, c.Catalog, func(tx catalog.Tx) (acceptances, error) {
		all := acceptances{map[string]*Acceptance{}, map[string]bool{}}
		return all, imported.Each(tx, acceptedPrefix, "acceptances", func(name string, a *Acceptance) {
			a.Statement = name
			all.byName[name] = a
		})
	})
}

// stale lists the acceptances that no interval of the queried accounts has any more.
func (all acceptances) stale(q Query) (list []Acceptance) {
	for name, a := range all.byName {
		if !all.used[name] && (len(q.Accounts) == 0 || slices.Contains(q.Accounts, a.Account)) {
			list = append(list, *a)
		}
	}
	slices.SortFunc(list, func(a, b Acceptance) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.From, b.From), cmp.Compare(a.Statement, b.Statement))
	})
	return list
}

// gaps lists the acceptances of days on which an account lacks statements, by first day. Those that were accepted
// before anything of the account was known have no currency, and the servicer that its institution declares. Days after
// until are not part of the query.
func (all acceptances) gaps(a *Account, declared, until string) (own []*Acceptance) {
	for name, accepted := range all.byName {
		if accepted.Was != Unknown || accepted.Account != a.Account {
			continue
		}
		for _, key := range []accountKey{{a.Servicer, a.Account, a.Currency}, {declared, a.Account, ""}} {
			if name == gapName(key, accepted.From) || name == formerGapName(key, accepted) {
				own = append(own, accepted)
				all.used[name] = all.used[name] || accepted.From > until
				break
			}
		}
	}
	slices.SortFunc(own, func(a, b *Acceptance) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Statement, b.Statement))
	})
	return own
}

// nameLength is the number of hex digits of an interval's name.
const nameLength = 16

func (i *Interval) acceptable() bool { return i.State == Broken || i.State == Unknown }

// isNamed reports whether name is the name of the interval or the number of its statement.
func (i *Interval) isNamed(name string) bool {
	return name != "" && (i.Name == name || i.formerName == name || i.Number == name)
}

// nameIntervals names each interval of the account that can be accepted, by what does not balance and its figures, not
// by their wording. With other figures it gets another name, so that nobody accepts what they have not seen. Days
// without a statement have no figures, and are named by the first of them. An accepted interval becomes CLAIMED and
// keeps the name under which it was accepted.
func (all acceptances) nameIntervals(a *Account) {
	alike := map[identity.Digest]uint32{}
	nameOf := func(base identity.Digest) string {
		alike[base]++
		return identity.Nth(base, alike[base]).String()[:nameLength]
	}
	for n := range a.Intervals {
		i := &a.Intervals[n]
		if !i.acceptable() {
			continue
		}
		i.formerName = nameOf(formerDigest(accountKey{a.Servicer, a.Account, a.Currency}, i))
		if i.State == Unknown {
			i.Name = gapName(accountKey{a.Servicer, a.Account, a.Currency}, i.From)
		} else {
			i.Name = nameOf(identity.Of("broken", a.Servicer, a.Account, a.Currency, i.Kind, i.Number, i.From, i.To, i.figures, i.Opening, i.Closing,
				fmt.Sprint(i.Entries), i.Amount, i.Object, i.Place))
			i.Accepted = cmp.Or(all.byName[i.Name], all.byName[i.formerName])
		}
		if i.Accepted == nil {
			continue
		}
		a.States[i.State]--
		i.State, i.Name = Claimed, i.Accepted.Statement
		a.States[Claimed]++
		all.used[i.Name] = true
	}
}

func gapName(key accountKey, from string) string {
	return identity.Of("gap", key.servicer, key.account, key.currency, from).String()[:nameLength]
}

// formerDigest is what earlier versions name an interval by. It includes the wording of the reason.
func formerDigest(key accountKey, i *Interval) identity.Digest {
	return identity.Of("interval", key.servicer, key.account, key.currency, i.Kind, i.Number, i.From, i.To, string(i.State), i.Reason, i.Amount, i.Object, i.Place)
}

func formerGapName(key accountKey, a *Acceptance) string {
	former := formerDigest(key, &Interval{From: a.From, To: a.To, State: a.Was, Reason: a.Why})
	return identity.Nth(former, 1).String()[:nameLength]
}

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
