// Joins the parts of what an institution reports in one fetch.

package refresh

import (
	"maps"
	"slices"

	"bursar/internal/aggregate/connector"
)

// parts are changes that are joined: what a later part says of a transaction replaces what an earlier one says.
type parts struct {
	all     *connector.Changes // nil: there are none
	at      map[string]int     // position of a transaction by its id
	removed map[string]bool
	gaps    bool // between the intervals of complete parts
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
	p.all.Balances = append(p.all.Balances, c.Balances...)
	p.all.Warnings = append(p.all.Warnings, c.Warnings...)
	p.all.Partial = p.all.Partial || c.Partial
	if c.Cursor != "" {
		p.all.Cursor = c.Cursor
	}
	if p.all.Complete = p.all.Complete && c.Complete; p.all.Complete {
		p.extend(c.From, c.To)
	}
}

// extend adds an interval to that of the complete parts.
func (p *parts) extend(from, to string) {
	switch {
	case p.all.From == "":
		p.all.From, p.all.To = from, to
	case from > nextDay(p.all.To) || nextDay(to) < p.all.From:
		p.gaps = true
	default:
		p.all.From, p.all.To = min(p.all.From, from), max(p.all.To, to)
	}
}

// changes returns the parts together; nil if there are none. Lists with gaps between them are not complete.
func (p *parts) changes() *connector.Changes {
	if p.all == nil {
		return nil
	}
	p.all.Transactions = slices.DeleteFunc(p.all.Transactions, func(t connector.Transaction) bool { return p.removed[t.ID] })
	p.all.Removed = slices.Sorted(maps.Keys(p.removed))
	if p.gaps || !p.all.Complete {
		p.all.Complete, p.all.From, p.all.To = false, "", ""
	}
	return p.all
}
