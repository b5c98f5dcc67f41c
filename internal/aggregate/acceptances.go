// What is accepted, and the names of intervals by which it is found again.

package aggregate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/catalog"
)

const acceptedPrefix = "statements/accepted/"

// acceptances are by the name of their interval.
type acceptances struct {
	byName map[string]*Acceptance
	used   map[string]bool // those that an interval has, or whose days are not asked for
}

func (c *Completeness) acceptances(ctx context.Context) (all acceptances, err error) {
	err = c.Catalog.View(ctx, func(tx catalog.Tx) error {
		all = acceptances{map[string]*Acceptance{}, map[string]bool{}}
		return tx.List(acceptedPrefix, func(key string, value json.RawMessage) error {
			var a Acceptance
			if err := json.Unmarshal(value, &a); err != nil {
				return fmt.Errorf("read what was accepted: %w", err)
			}
			a.Statement = strings.TrimPrefix(key, acceptedPrefix)
			all.byName[a.Statement] = &a
			return nil
		})
	})
	return all, err
}

// stale are those that no interval of the accounts which are asked for has any more.
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

// gaps are the acceptances of days on which an account lacks statements, by their first days. Those that were accepted while nothing of the
// account was known have no currency, and the servicer that its institution declares. Days after until are not asked for.
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

// nameLength is how many digits name an interval.
const nameLength = 16

// acceptable reports whether an interval can be accepted.
func (i *Interval) acceptable() bool { return i.State == Broken || i.State == Unknown }

// isNamed reports whether an interval has a name, or its statement a number.
func (i *Interval) isNamed(name string) bool {
	return name != "" && (i.Name == name || i.formerName == name || i.Number == name)
}

// nameIntervals names each interval of the account that can be accepted by what does not hold and its figures, in whatever words: where other
// figures are found later, it has another name, so that nobody accepts what was not seen. Days without a statement have no figures, and are
// named by the first of them. What is accepted becomes CLAIMED, and has the name by which it was accepted.
func (all acceptances) nameIntervals(a *Account) {
	alike := map[digest]uint32{}
	nameOf := func(of digest) string {
		alike[of]++
		return nth(of, alike[of]).String()[:nameLength]
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
			i.Name = nameOf(digestOf("broken", a.Servicer, a.Account, a.Currency, i.Kind, i.Number, i.From, i.To, i.figures, i.Opening, i.Closing,
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

// gapName names days without a statement.
func gapName(of accountKey, from string) string {
	return digestOf("gap", of.servicer, of.account, of.currency, from).String()[:nameLength]
}

// formerDigest is what earlier versions name an interval by: all that is said of it, in words too.
func formerDigest(of accountKey, i *Interval) digest {
	return digestOf("interval", of.servicer, of.account, of.currency, i.Kind, i.Number, i.From, i.To, string(i.State), i.Reason, i.Amount, i.Object, i.Place)
}

// formerGapName is what they name accepted days by.
func formerGapName(of accountKey, a *Acceptance) string {
	former := formerDigest(of, &Interval{From: a.From, To: a.To, State: a.Was, Reason: a.Why})
	return nth(former, 1).String()[:nameLength]
}
