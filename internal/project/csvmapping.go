// How an institution's CSV files are read: which column holds what.

package project

import (
	"strings"

	"golang.org/x/text/encoding"

	"bursar/internal/column"
)

// CSVMapping says how an institution's CSV files are read. Columns are named as the header line names them.
type CSVMapping struct {
	Delimiter byte              // 0: told by the header line
	Encoding  encoding.Encoding // nil: UTF-8, and what is none is windows-1252
	Skip      int               // lines before the header line, or before the first row if Header is given
	Header    []string          // the columns' names of a file without a header line; nil: it has one
	Decimal   byte              // decimal mark, '.' by default
	Group     byte              // mark between groups of three digits; 0 is none
	Dates     []*column.Layout  // how dates are written, any of these ways; empty is ISO 8601
	Notation  Notation          // what stands in amounts beside their digits, and in cells that say nothing
	Notes     []string          // patterns of the first cell of lines that are no rows; see Note
	Account   Cell
	Currency  Cell
	Columns   CSVColumns
	Unique    bool     // the reference names one entry of its account for ever
	Control   *Control // nil: the files have no control row
}

// Cell is a value that each row has in a column, or that is the same in all of them: one of the two is not empty.
type Cell struct{ Column, Literal string }

// CSVColumns names the columns of an entry; empty where there is none. Booked is always there, and either Amount or both
// Credit and Debit.
type CSVColumns struct {
	Booked, Value string
	Amount        string // signed, or with Sign unsigned
	Credit, Debit string // in place of Amount
	Sign          Sign
	Status        Status
	Reference     string
	Own           string
	Code          string
	Party         string
	Peer          string
	Text          []string
	Balance       string // after the entry
}

// Sign is the column that says whether an amount is a credit or a debit, and how it says so. Its zero value is none.
type Sign struct {
	Column        string
	Credit, Debit []string
}

// Status is the column that says whether a row is booked, and how it says so: what is pending does not count, what is ignored
// never will. Its zero value is none: every row is booked.
type Status struct {
	Column                   string
	Booked, Pending, Ignored []string
}

// Notation is how amounts are written beyond their digits and marks, and which cells say nothing.
type Notation struct {
	Prefix, Suffix     []string // currencies that stand before or behind a number
	Negative, Positive []Form   // how the direction is written, but for a sign
	Placeholder        []string // cells in which nothing stands
}

// Form is what stands before and behind a number: one of the two is not empty.
type Form struct{ Before, After string }

// Control is a row that states totals of the rows before it, or after it if First. An empty column is a total that it does
// not state. Where it is about the rows of several accounts, what does not hold is the fault of the last one's statement.
type Control struct {
	First            bool
	Where            Marker
	Count, Sum       string // columns of: the number of rows, the signed sum of their amounts
	Hash             Hash
	Opening, Closing string // columns of balances
}

// Marker marks a control row by what stands in one of its columns. Its zero value marks none: the file's first or last row
// is it.
type Marker struct{ Column, Is string }

// Hash is a hash total: the plain sum of the digits of a column, taken as one whole number a row, modulo 10^n where n
// is the number of digits that the total is written with. Its zero value is none.
type Hash struct{ Column, Of string }

// columnNames is every column that a row must have.
func (m *CSVMapping) columnNames() []string {
	c := &m.Columns
	names := []string{
		m.Account.Column, m.Currency.Column, c.Booked, c.Value, c.Amount, c.Credit, c.Debit, c.Sign.Column, c.Status.Column,
		c.Reference, c.Own, c.Code, c.Party, c.Peer, c.Balance,
	}
	names = append(names, c.Text...)
	if m.Control != nil {
		k := m.Control
		names = append(names, k.Where.Column, k.Count, k.Sum, k.Hash.Column, k.Opening, k.Closing)
	}
	return names
}

// ColumnNames lists the columns that the mapping names, each once and in a fixed order.
func (m *CSVMapping) ColumnNames() []string {
	var names []string
	seen := map[string]bool{"": true}
	for _, name := range m.columnNames() {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// NotePattern is the pattern by which a line is a note among the rows, told by its first cell; empty where it is none.
func (m *CSVMapping) NotePattern(first string) string {
	for _, pattern := range m.Notes {
		if matchesPattern(pattern, first) {
			return pattern
		}
	}
	return ""
}

// matchesPattern reports whether a text follows a pattern in which each * is any text, or none.
func matchesPattern(pattern, text string) bool {
	pieces := strings.Split(pattern, "*")
	first, last := pieces[0], pieces[len(pieces)-1]
	if len(pieces) == 1 {
		return text == pattern
	}
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, piece := range pieces[1 : len(pieces)-1] {
		_, rest, found := strings.Cut(text, piece)
		if !found {
			return false
		}
		text = rest
	}
	return true
}
