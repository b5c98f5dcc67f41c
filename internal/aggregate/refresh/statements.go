// Reads a statement file of one account as the changes that it reports.

package refresh

import (
	"bytes"
	"fmt"
	"time"

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
	return nil
}

func nextDay(day string) string {
	return statement.ParseDay(day).AddDate(0, 0, 1).Format(time.DateOnly)
}

// Notice is called for other content.
func (r *statementReader) Notice(*statement.Notice) error { return nil }
