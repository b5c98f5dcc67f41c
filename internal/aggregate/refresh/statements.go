// Reads a statement file of one account as the changes that it reports.

package refresh

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

// statementReader is a statement.Handler that collects what a file reports.
type statementReader struct {
	c       connector.Changes
	now     *statement.Statement
	entry   *statement.Entry
	covered intervals
}

// readStatements returns what a statement file of an account reports.
func readStatements(p *project.Project, id, name string, content []byte) (*connector.Changes, error) {
	r := statementReader{c: connector.Changes{Account: id}}
	if err := format.Read(p, name, bytes.NewReader(content), &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	r.c.From, r.c.To, r.c.Complete = r.covered.union()
	return &r.c, nil
}

// Begin begins a statement.
func (r *statementReader) Begin(s *statement.Statement) error {
	r.now = s
	if r.c.Currency == "" {
		r.c.Currency = s.Currency
	}
	return nil
}

// Balance adds a balance.
func (r *statementReader) Balance(b *statement.Balance) error {
	kind := map[string]string{statement.ClosingBooked: connector.Booked, statement.ClosingAvailable: connector.Available}[b.Code]
	if kind == "" {
		return nil
	}
	at := b.Date
	if _, err := time.Parse(time.RFC3339, r.now.Created); err == nil && b.Code == statement.ClosingBooked {
		at = r.now.Created // which is more exact than its day
	}
	r.c.Balances = append(r.c.Balances, connector.Balance{Kind: kind, Amount: b.Amount, Currency: b.Currency, At: at})
	return nil
}

// Entry begins an entry.
func (r *statementReader) Entry(e *statement.Entry) error {
	r.entry = e
	return nil
}

// Detail is called for each transaction of an entry.
func (r *statementReader) Detail(*statement.Detail) error { return nil }

// EndEntry adds the entry, all of which is known now.
func (r *statementReader) EndEntry() error {
	e := r.entry
	if e.Corrects != "" && e.Corrects != e.Reference {
		r.c.Removed = append(r.c.Removed, e.Corrects)
	}
	switch {
	case e.Reference == "":
		r.c.Partial = true
		r.c.Warn("the institution reports transactions without an id")
		return nil
	case e.Replaced || e.Status == statement.StatusInformation:
		return nil
	}
	r.c.Transactions = append(r.c.Transactions, connector.Transaction{
		ID: e.Reference, Pending: e.Status == "PDNG", Amount: e.Amount, Currency: e.Currency, Booked: e.Booked, Party: e.Party, Text: e.Text,
	})
	return nil
}

// End ends a statement, whose interval is known now.
func (r *statementReader) End() error {
	r.covered = append(r.covered, interval{r.now.From, r.now.To})
	r.now = nil // balances that are reported after it are of another kind of account
	return nil
}

func nextDay(day string) string {
	return statement.ParseDay(day).AddDate(0, 0, 1).Format(time.DateOnly)
}

// dueNames are how banks name the balance that is to be paid for a card, in letters alone.
var dueNames = []string{"amountdue", "totalamountdue", "paymentdue", "balancedue"}

// Notice adds the amount that is due, which OFX has among a statement's other balances. One that cannot be read is left out: it is not the bank's
// record of the account.
func (r *statementReader) Notice(n *statement.Notice) error {
	if n.What != "balance" || r.now == nil {
		return nil
	}
	fields := map[string]string{}
	for _, f := range n.Fields {
		fields[f.Name] = f.Value
	}
	name := strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, fields["name"])
	amount, ok := connector.Amount(fields["value"])
	isMoney := fields["type"] == "" || strings.EqualFold(fields["type"], "DOLLAR")
	if !slices.Contains(dueNames, name) || !ok || !isMoney {
		return nil
	}
	at := cmp.Or(fields["date"], r.now.Created)
	if _, err := time.Parse(time.RFC3339, at); err != nil {
		at = at[:min(len(at), len(time.DateOnly))]
	}
	if at != "" {
		r.c.Balances = append(r.c.Balances, connector.Balance{Kind: connector.Due, Amount: amount, Currency: r.now.Currency, At: at})
	}
	return nil
}
