// Parts of a fetch, and statement files of one account, as the changes that they report together.

package refresh

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

func TestUnion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      "  false",
		"2026-01-01/2026-01-31": "2026-01-01 2026-01-31 true",
		"2026-01-01/2026-01-31 2026-02-01/2026-02-28":                       "2026-01-01 2026-02-28 true",
		"2026-01-01/2026-01-31 2026-02-02/2026-02-28":                       "  false",
		"2026-01-01/2026-03-31 2026-02-02/2026-02-28":                       "2026-01-01 2026-03-31 true",
		"2026-03-01/2026-03-31 2026-01-01/2026-01-31 2026-02-01/2026-02-28": "2026-01-01 2026-03-31 true",
		"2026-01-01/2026-01-31 2026-03-01/2026-03-31 2026-01-20/2026-02-28": "2026-01-01 2026-03-31 true",
		"2026-01-01/2026-01-31 /":                                           "  false",
		"2026-01-01/":                                                       "  false",
		"2026-01-01/2026-99-99 2026-02-01/2026-02-28":                       "  false",
	} {
		var list intervals
		for _, one := range strings.Fields(text) {
			from, to, _ := strings.Cut(one, "/")
			list = append(list, interval{from, to})
		}
		from, to, whole := list.union()
		if got := fmt.Sprint(from, " ", to, " ", whole); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestParts: what a later part says of a transaction replaces what an earlier one says.
func TestParts(t *testing.T) {
	t.Parallel()
	var p parts
	if p.changes() != nil {
		t.Error("there are no changes")
	}
	old, changed := transaction("a", "1.00", true), transaction("a", "2.00", false)
	p.add(&connector.Changes{
		Account: "1", Cursor: "c1", Complete: true, From: "2026-01-01", To: "2026-01-31", Warnings: []string{"slow"},
		Transactions: []connector.Transaction{old, transaction("b", "3.00", false), transaction("c", "4.00", false)}, Removed: []string{"d", "e"},
	})
	p.add(&connector.Changes{
		Account: "1", Currency: "EUR", Cursor: "c2", Complete: true, From: "2026-02-01", To: "2026-02-28", Warnings: []string{"slow", "late"}, Partial: true,
		Transactions: []connector.Transaction{changed, transaction("d", "5.00", false)}, Removed: []string{"b"}, Balances: booked("1.00", "2026-02-28"),
	})
	p.add(&connector.Changes{Account: "1", Complete: true, From: "2026-03-01", To: "2026-03-02", Balances: booked("2.00", "2026-03-02")})
	c := p.changes()
	var ids []string
	for _, one := range c.Transactions {
		ids = append(ids, one.ID+" "+one.Amount)
	}
	if want := []string{"a 2.00", "c 4.00", "d 5.00"}; !slices.Equal(ids, want) || !slices.Equal(c.Removed, []string{"b", "e"}) {
		t.Errorf("%q, removed %q", ids, c.Removed)
	}
	if c.Currency != "EUR" || c.Cursor != "c2" || !c.Complete || c.From != "2026-01-01" || c.To != "2026-03-02" || !c.Partial || len(c.Balances) != 2 || !slices.Equal(c.Warnings, []string{"slow", "late"}) {
		t.Errorf("%+v", c)
	}
	p.add(&connector.Changes{Account: "1"})
	if c = p.changes(); c.Complete || c.From != "" || c.To != "" {
		t.Errorf("with a part that is not complete: %+v", c)
	}
}

func TestStatementFiles(t *testing.T) {
	t.Parallel()
	p := &project.Project{}
	c, err := readStatements(p, "checking:42", "a.ofx", ofxFile("2026-01-01", "2026-01-31", "99.00", "2026-01-05", "2026-01-06"))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Complete || c.From != "2026-01-01" || c.To != "2026-01-31" || c.Currency != "EUR" || c.Account != "checking:42" || len(c.Transactions) != 2 || len(c.Balances) != 1 {
		t.Errorf("%+v", c)
	}
	if one := c.Transactions[0]; one.ID != "t20260105" || one.Amount != "-1.00" || one.Booked != "2026-01-05" || one.Pending {
		t.Errorf("%+v", one)
	}
	if b := c.Balances[0]; b.Kind != connector.Booked || b.Amount != "99.00" || !strings.HasPrefix(b.At, "2026-01-31") {
		t.Errorf("%+v", b)
	}
	if c, err = readStatements(p, "checking:42", "a.ofx", ofxFile("", "2026-01-31", "99.00", "2026-01-05")); err != nil || c.Complete || c.From != "" {
		t.Errorf("a statement without an interval: %+v, %v", c, err)
	}
	if _, err = readStatements(p, "checking:42", "a.ofx", []byte("no statement")); err == nil || !strings.HasPrefix(err.Error(), "read a.ofx: ") {
		t.Error(err)
	}
}

// TestEntries are those that a statement of any format may have.
func TestEntries(t *testing.T) {
	t.Parallel()
	r := statementReader{}
	s := &statement.Statement{Currency: "EUR", From: "2026-01-01", To: "2026-01-31", Created: "2026-02-01T06:00:00Z"}
	steps := []error{r.Begin(s), r.Balance(&statement.Balance{Code: statement.ClosingBooked, Amount: "1.00", Date: "2026-01-31"}), r.Balance(&statement.Balance{Code: "OPBD", Amount: "2.00"})}
	for _, e := range []*statement.Entry{
		{Reference: "pending", Status: "PDNG", Amount: "1.00"},
		{Reference: "new", Corrects: "old", Amount: "2.00"},
		{Reference: "same", Corrects: "same", Amount: "3.00"},
		{Reference: "replaced", Replaced: true},
		{Reference: "info", Status: statement.StatusInformation},
		{Amount: "9.00"},
		{Amount: "9.00"},
	} {
		steps = append(steps, r.Entry(e), r.Detail(nil), r.EndEntry())
	}
	for _, err := range append(steps, r.Notice(&statement.Notice{}), r.End()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, one := range r.c.Transactions {
		ids = append(ids, fmt.Sprint(one.ID, " ", one.Pending))
	}
	if want := []string{"pending true", "new false", "same false"}; !slices.Equal(ids, want) || !slices.Equal(r.c.Removed, []string{"old"}) {
		t.Errorf("%q, removed %q", ids, r.c.Removed)
	}
	if !r.c.Partial || len(r.c.Warnings) != 1 || len(r.c.Balances) != 1 || r.c.Balances[0].At != s.Created {
		t.Errorf("%+v", r.c)
	}
}
