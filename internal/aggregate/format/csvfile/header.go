// Detects the header line and its delimiter, and locates the mapping's columns.

package csvfile

import (
	"bytes"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

// delimiters are the candidates if none is declared.
var delimiters = []byte{',', ';', '\t', '|'}

// columns are the positions of the mapping's columns in a row; -1 if there is none.
type columns struct {
	account, currency                                       int
	booked, value, amount, credit, debit, sign              int
	status                                                  int
	reference, own, code, party, peer, balance              int
	text                                                    []int
	controlMark, count, sum, hash, hashOf, opening, closing int
}

// detectHeader finds the delimiter with which the first line has the columns that the mapping names, or as many
// fields as its declared header. If there is none, delimiter is 0 and header is the line split by the likeliest one.
// stated is the delimiter that the file states, or 0.
func detectHeader(head []byte, m *project.CSVMapping, stated byte) (header []string, delimiter byte) {
	candidates := delimiters
	switch {
	case m.Delimiter != 0:
		candidates = []byte{m.Delimiter}
	case stated != 0:
		candidates = []byte{stated}
	}
	for _, d := range candidates {
		fields, err := newCSV(bytes.NewReader(head), d).Read()
		for i, field := range fields {
			fields[i] = strings.TrimSpace(toUTF8(field))
		}
		switch {
		case m.Header != nil && (m.Delimiter != 0 || len(fields) == len(m.Header)):
			return m.Header, d
		case m.Header == nil && err == nil && len(missingColumns(fields, m)) == 0:
			return fields, d
		case err == nil && len(fields) > len(header):
			header = fields
		}
	}
	return header, 0
}

// missingColumns lists the named columns that a header does not have.
func missingColumns(header []string, m *project.CSVMapping) []string {
	return slices.DeleteFunc(m.ColumnNames(), func(name string) bool { return slices.Contains(header, name) })
}

func refuseHeader(at statement.Place, header []string, m *project.CSVMapping) error {
	if m.Header != nil {
		return statement.Refuse(at, "no row has the %d fields of the mapping's header", len(m.Header)).Advise(
			"declare the `delimiter`, and the number of lines before the first row as `skip`")
	}
	if len(header) == 0 {
		return statement.Refuse(at, "there is no header line")
	}
	advice := "declare the `delimiter`, and the number of lines before the header as `skip`"
	if m.Encoding != nil {
		advice = "declare the `delimiter`, the number of lines before the header as `skip`, and the `encoding` of the file"
	}
	return statement.Refuse(at, "the header line has no column %s; it has %s",
		quoteNames(missingColumns(header, m)), quoteNames(header)).Advise(advice)
}

// quoteNames lists names for a message; it limits their number and length.
func quoteNames(names []string) string {
	const maxNames, maxLength = 20, 60
	var b strings.Builder
	for i, name := range names {
		if i == maxNames {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if len(name) > maxLength {
			name = strings.ToValidUTF8(name[:maxLength], "") + "…"
		}
		b.WriteString("`" + name + "`")
	}
	return b.String()
}

// locateColumns finds each named column in the header. It refuses a name that occurs twice.
func locateColumns(at statement.Place, header []string, m *project.CSVMapping) (columns, error) {
	places := map[string]int{}
	repeated := map[string]bool{}
	for i, name := range header {
		_, seen := places[name]
		repeated[name] = seen
		places[name] = i
	}
	for _, name := range m.ColumnNames() {
		if repeated[name] {
			return columns{}, statement.Refuse(at, "the header line has column %s twice", quote(name)).Advise(
				"name the columns with `header`, and skip this line with `skip`")
		}
	}
	find := func(name string) int {
		if i, ok := places[name]; ok && name != "" {
			return i
		}
		return -1
	}
	control := m.Control
	if control == nil {
		control = &project.Control{}
	}
	c := &m.Columns
	found := columns{
		account: find(m.Account.Column), currency: find(m.Currency.Column),
		booked: find(c.Booked), value: find(c.Value), amount: find(c.Amount), credit: find(c.Credit), debit: find(c.Debit),
		sign: find(c.Sign.Column), status: find(c.Status.Column), reference: find(c.Reference), own: find(c.Own), code: find(c.Code), party: find(c.Party),
		peer: find(c.Peer), balance: find(c.Balance),
		controlMark: find(control.Where.Column), count: find(control.Count), sum: find(control.Sum), hash: find(control.Hash.Column), hashOf: find(control.Hash.Summed),
		opening: find(control.Opening), closing: find(control.Closing),
	}
	for _, name := range c.Text {
		found.text = append(found.text, find(name))
	}
	return found, nil
}
