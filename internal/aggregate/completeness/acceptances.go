// Stores acceptances, and names intervals so that an acceptance is found again.

package completeness

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/aggregate/identity"
	"bursar/internal/catalog"
)

const acceptedPrefix = "statements/accepted/"

// acceptances are the stored acceptances, by the name of their interval.
type acceptances struct {
	byName map[string]*Acceptance
	used   map[string]bool // by name: an interval has it, or its days are outside the query
}

func (c *Accounts) acceptances(ctx context.Context) (all acceptances, err error) {
	err = c.Catalog.View(ctx, func(tx catalog.Tx) error {
		all = acceptances{map[string]*Acceptance{}, map[string]bool{}}
		return tx.List(acceptedPrefix, func(key string, value json.RawMessage) error {
			var a Acceptance
			if err := json.Unmarshal(value, &a); err != nil {
				return fmt.Errorf("read acceptances: %w", err)
			}
			a.Statement = strings.TrimPrefix(key, acceptedPrefix)
			all.byName[a.Statement] = &a
			return nil
		})
	})
	return all, err
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

// acceptable reports whether an interval can be accepted.
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

// gapName names days without a statement.
func gapName(key accountKey, from string) string {
	return identity.Of("gap", key.servicer, key.account, key.currency, from).String()[:nameLength]
}

// formerDigest is what earlier versions name an interval by. It includes the wording of the reason.
func formerDigest(key accountKey, i *Interval) identity.Digest {
	return identity.Of("interval", key.servicer, key.account, key.currency, i.Kind, i.Number, i.From, i.To, string(i.State), i.Reason, i.Amount, i.Object, i.Place)
}

// formerGapName is the name that earlier versions give to accepted days.
func formerGapName(key accountKey, a *Acceptance) string {
	former := formerDigest(key, &Interval{From: a.From, To: a.To, State: a.Was, Reason: a.Why})
	return identity.Nth(former, 1).String()[:nameLength]
}
