// The mapping of an institution's CSV files: which column contains what.

package project

import (
	"slices"
	"strings"

	"golang.org/x/text/encoding"

	"bursar/internal/column"
)

// CSVMapping describes how an institution's CSV files are read. Columns are named as in the header line.
type CSVMapping struct {
	Delimiter byte              // 0: detected from the header line
	Encoding  encoding.Encoding // nil: UTF-8, or windows-1252 if the file is not valid UTF-8
	Skip      int               // lines before the header line, or before the first row if Header is given
	Header    []string          // the names of the columns of a file without a header line; nil: it has one
	Decimal   byte              // decimal mark, '.' by default
	Group     byte              // mark between groups of three digits; 0 if there is none
	Dates     []*column.Layout  // formats of dates; empty is ISO 8601
	Notation  Notation          // how amounts and empty cells are written
	Notes     []string          // patterns of the first cell of lines that are not rows; see NotePattern
	Account   Cell
	Currency  Cell
	Columns   CSVColumns
	Unique    bool     // a reference is never used for another entry of the account
	Control   *Control // nil: the files have no control row
}

// Cell is a value that each row has in a column, or that is the same in all rows: exactly one of both is set.
type Cell struct{ Column, Literal string }

// CSVColumns names the columns of an entry; empty if there is none. Booked is always set, and either Amount or both Credit and Debit.
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

// Sign is the column that marks an amount as credit or debit, with its values. The zero value means that there is none.
type Sign struct {
	Column        string
	Credit, Debit []string
}

// Status is the column with the status of a row, with its values: a pending row is not counted yet, an ignored one never. The zero
// value means that there is none: every row is booked.
type Status struct {
	Column                   string
	Booked, Pending, Ignored []string
}

// Notation is how amounts are written in addition to digits and marks, and which cells count as empty.
type Notation struct {
	Prefix, Suffix     []string // currencies before or after a number
	Negative, Positive []Form   // how the direction is written, other than by a sign
	Placeholder        []string // texts of empty cells
}

// Form is a text before and after a number: at least one of both is not empty.
type Form struct{ Before, After string }

// Control is a row with totals of the rows before it, or after it if First. A column is empty if the row does not contain that total.
// If it covers rows of several accounts, a mismatch is reported for the last account's statement.
type Control struct {
	First            bool
	Where            Marker
	Count, Sum       string // columns of the number of rows and the signed sum of their amounts
	Hash             Hash
	Opening, Closing string // columns of balances
}

// Marker identifies a control row by the content of a column. With the zero value it is the file's first or last row.
type Marker struct{ Column, Value string }

// Hash is a hash total: the sum of the digits of a column, read as one whole number per row, modulo 10^n where n is the number of
// digits of the total. The zero value means that there is none.
type Hash struct{ Column, Summed string }

// ColumnNames lists the columns that a row must have, each once and in a fixed order.
func (m *CSVMapping) ColumnNames() []string {
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
	var once []string
	for _, name := range names {
		if name != "" && !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// NotePattern returns the pattern that marks a line as a note, by its first cell; empty if there is none.
func (m *CSVMapping) NotePattern(first string) string {
	for _, pattern := range m.Notes {
		if matchesPattern(pattern, first) {
			return pattern
		}
	}
	return ""
}

// matchesPattern reports whether a text matches a pattern in which each * matches any text.
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
