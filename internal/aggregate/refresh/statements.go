// Reads the statement files of one account as the changes that they report.

package refresh

import (
	"bytes"
	"fmt"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

// statements are what the statement files of a refresh report. It is a statement.Handler.
type statements struct {
	c     connector.Changes
	at    map[string]int // position of a transaction by its id
	now   *statement.Statement
	entry *statement.Entry
	gaps  bool // between the intervals of the files
}

func newStatements(id string) *statements {
	return &statements{c: connector.Changes{Account: id, Complete: true}, at: map[string]int{}}
}

// read adds the content of a file. Files come in the order of their intervals.
func (s *statements) read(p *project.Project, name string, content []byte) error {
	if err := format.Read(p, name, bytes.NewReader(content), s); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// changes returns what was read.
func (s *statements) changes() *connector.Changes {
	if s.c.Complete = s.c.From != "" && !s.gaps; !s.c.Complete {
		s.c.From, s.c.To = "", ""
	}
	return &s.c
}

// Begin begins a statement.
func (s *statements) Begin(st *statement.Statement) error {
	s.now = st
	if s.c.Currency == "" {
		s.c.Currency = st.Currency
	}
	return nil
}

// Balance adds a balance.
func (s *statements) Balance(b *statement.Balance) error {
	kind := map[string]string{statement.ClosingBooked: connector.Booked, statement.ClosingAvailable: connector.Available}[b.Code]
	if kind == "" {
		return nil
	}
	at := b.Date
	if len(s.now.Created) > len(at) && b.Code == statement.ClosingBooked {
		at = s.now.Created
	}
	s.c.Balances = append(s.c.Balances, connector.Balance{Kind: kind, Amount: b.Amount, Currency: b.Currency, At: at})
	return nil
}

// Entry begins an entry.
func (s *statements) Entry(e *statement.Entry) error {
	s.entry = e
	return nil
}

// Detail is called for each transaction of an entry.
func (s *statements) Detail(*statement.Detail) error { return nil }

// EndEntry adds the entry, all of which is known now.
func (s *statements) EndEntry() error {
	e := s.entry
	switch {
	case e.Reference == "":
		s.c.Partial, s.c.Warnings = true, []string{"the institution reports transactions without an id"}
		return nil
	case e.Status == statement.StatusInformation && e.Corrects != "":
		s.c.Removed = append(s.c.Removed, e.Corrects)
		return nil
	case e.Replaced || e.Status == statement.StatusInformation:
		return nil
	}
	t := connector.Transaction{
		ID: e.Reference, Pending: e.Status == "PDNG", Amount: e.Amount, Currency: e.Currency, Booked: e.Booked, Party: e.Party, Text: e.Text, Replaces: e.Corrects,
	}
	if i, known := s.at[t.ID]; known {
		s.c.Transactions[i] = t // of a later file
		return nil
	}
	s.at[t.ID] = len(s.c.Transactions)
	s.c.Transactions = append(s.c.Transactions, t)
	return nil
}

// End ends a statement, whose interval is known now.
func (s *statements) End() error {
	from, to := s.now.From, s.now.To
	switch {
	case from == "" || to == "":
		s.gaps = true
	case s.c.From == "":
		s.c.From, s.c.To = from, to
	case from > nextDay(s.c.To):
		s.gaps = true
	default:
		s.c.From, s.c.To = min(s.c.From, from), max(s.c.To, to)
	}
	return nil
}

func nextDay(day string) string { return statement.ParseDay(day).AddDate(0, 0, 1).Format("2006-01-02") }

// Notice is called for other content.
func (s *statements) Notice(*statement.Notice) error { return nil }
