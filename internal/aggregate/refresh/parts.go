// Joins the parts of what an institution reports in one fetch.

package refresh

import (
	"cmp"
	"maps"
	"slices"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/format/statement"
)

// parts are changes that are joined: what a later part says of a transaction replaces what an earlier one says.
type parts struct {
	all     *connector.Changes // nil: there are none
	at      map[string]int     // position of a transaction by its id
	removed map[string]bool
	covered intervals // of the complete parts
}

// add adds the next part.
func (p *parts) add(c *connector.Changes) {
	if p.all == nil {
		p.all = &connector.Changes{Account: c.Account, Currency: c.Currency, Complete: true}
		p.at, p.removed = map[string]int{}, map[string]bool{}
	}
	for _, t := range c.Transactions {
		delete(p.removed, t.ID)
		if i, known := p.at[t.ID]; known {
			p.all.Transactions[i] = t
			continue
		}
		p.at[t.ID] = len(p.all.Transactions)
		p.all.Transactions = append(p.all.Transactions, t)
	}
	for _, id := range c.Removed {
		p.removed[id] = true
	}
	p.all.Currency = cmp.Or(p.all.Currency, c.Currency)
	p.all.Balances = append(p.all.Balances, c.Balances...)
	for _, w := range c.Warnings {
		p.all.Warn(w)
	}
	p.all.Partial = p.all.Partial || c.Partial
	if c.Cursor != "" {
		p.all.Cursor = c.Cursor
	}
	p.all.Complete = p.all.Complete && c.Complete
	p.covered = append(p.covered, interval{c.From, c.To})
}

// changes returns the parts together; nil if there are none. Lists with gaps between them are not complete.
func (p *parts) changes() *connector.Changes {
	if p.all == nil {
		return nil
	}
	p.all.Transactions = slices.DeleteFunc(p.all.Transactions, func(t connector.Transaction) bool { return p.removed[t.ID] })
	p.all.Removed = slices.Sorted(maps.Keys(p.removed))
	p.all.From, p.all.To = "", ""
	if p.all.Complete {
		p.all.From, p.all.To, p.all.Complete = p.covered.union()
	}
	return p.all
}

// interval is one of days, both included.
type interval struct{ from, to string }

type intervals []interval

// union returns the interval that the intervals cover together, in any order. It reports false if there are none, if one of them has no valid ends, or
// if there are days between them that none covers.
func (list intervals) union() (from, to string, whole bool) {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	for i, one := range sorted {
		switch {
		case !statement.IsDay(one.from) || !statement.IsDay(one.to):
			return "", "", false
		case i == 0:
			from, to = one.from, one.to
		case one.from > nextDay(to):
			return "", "", false
		default:
			to = max(to, one.to)
		}
	}
	return from, to, len(list) > 0
}
