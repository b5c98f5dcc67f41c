// Which of an account's statements count, for what is stored of those that do not.

package completeness

import (
	"context"

	"bursar/internal/project"
)

// Page is a statement as it is stored, or one page of it.
type Page struct {
	ID, Object, File, Format string
	From, To                 string // the days of it and of its entries
}

// Whole is a statement with its pages.
type Whole struct {
	Pages    []Page
	From, To string // the days of it and of its entries
}

// Balanced is a statement that balances by itself. If another version of it balances too, the next statement decides.
type Balanced struct {
	Whole
	Day     string // of the statement that decides
	Decided bool
}

// Replaced is a statement with the version that supersedes it.
type Replaced struct{ Statement, By Whole }

// Decision says which statements of one account and kind of message count.
type Decision struct {
	Counting []Whole
	Balanced []Balanced
	Replaced []Replaced
}

// Decide passes on the decisions of each account, one for each kind of message, the booked statements first. Those in
// removed do not exist.
func (c *Accounts) Decide(ctx context.Context, q Query, removed map[string]bool, each func(account string, byKind []Decision) error) error {
	view, err := c.View(ctx, project.StatementStream)
	if err != nil || view == "" {
		return err
	}
	return c.eachRecord(ctx, view, q, removed, func(r *record, byKind []versions) error {
		decisions := make([]Decision, len(byKind))
		for i := range byKind {
			decisions[i] = byKind[i].decision()
		}
		return each(r.Account.Account, decisions)
	})
}

func (v *versions) decision() (d Decision) {
	for _, s := range v.counting {
		d.Counting = append(d.Counting, s.whole())
	}
	for _, s := range v.consistent {
		b := Balanced{Whole: s.whole()}
		b.Day, b.Decided = v.balanced.decidedBy(s)
		d.Balanced = append(d.Balanced, b)
	}
	for _, g := range v.replaced {
		d.Replaced = append(d.Replaced, Replaced{g.statement.whole(), g.by.whole()})
	}
	return d
}

func (t *storedStatement) whole() Whole {
	own := t.reach()
	w := Whole{From: own.from, To: own.to}
	for _, s := range t.pages() {
		days := s.reach()
		w.Pages = append(w.Pages, Page{s.id, s.Object, s.File, s.format, days.from, days.to})
	}
	return w
}
