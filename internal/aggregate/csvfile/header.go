// The header line: which delimiter it has, and where the mapping's columns stand.

package csvfile

import (
	"bytes"
	"slices"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// delimiters are what is tried where none is declared.
var delimiters = []byte{',', ';', '\t', '|'}

// columns is where the mapping's columns stand in a row; -1 is nowhere.
type columns struct {
	account, currency                                int
	booked, value, amount, credit, debit, sign       int
	status                                           int
	reference, own, code, party, peer, balance       int
	text                                             []int
	where, count, sum, hash, hashOf, opening, closed int
}

// recognise finds the delimiter with which a file's first line has the columns that the mapping names, or as many fields
// as its declared header. Without one the header is how the line reads with the likeliest. stated is what the file itself says, or 0.
func recognise(head []byte, m *project.CSVMapping, stated byte) (header []string, delimiter byte) {
	try := delimiters
	switch {
	case m.Delimiter != 0:
		try = []byte{m.Delimiter}
	case stated != 0:
		try = []byte{stated}
	}
	for _, d := range try {
		fields, err := newCSV(bytes.NewReader(head), d).Read()
		for i, field := range fields {
			fields[i] = strings.TrimSpace(valid(field))
		}
		switch {
		case m.Header != nil && (m.Delimiter != 0 || len(fields) == len(m.Header)):
			return m.Header, d
		case m.Header == nil && err == nil && len(missing(fields, m)) == 0:
			return fields, d
		case err == nil && len(fields) > len(header):
			header = fields
		}
	}
	return header, 0
}

// missing lists the named columns that a header does not have.
func missing(header []string, m *project.CSVMapping) []string {
	return slices.DeleteFunc(m.ColumnNames(), func(name string) bool { return slices.Contains(header, name) })
}

func refuseHeader(at statement.Place, header []string, m *project.CSVMapping) error {
	if m.Header != nil {
		return statement.Refuse(at, "no row of %d fields as the mapping's header has", len(m.Header)).Advise(
			"declare the `delimiter`, and with `skip` the lines before the first row")
	}
	if len(header) == 0 {
		return statement.Refuse(at, "no header line")
	}
	advice := "declare the `delimiter`, and with `skip` the lines before the header"
	if m.Encoding != nil {
		advice = "declare the `delimiter`, with `skip` the lines before the header, and the `encoding` that the file has"
	}
	return statement.Refuse(at, "the header line has no column %s; it has %s",
		quote(missing(header, m)), quote(header)).Advise(advice)
}

// quote lists names for a message, and not too many of them.
func quote(names []string) string {
	const most, longest = 20, 60
	var b strings.Builder
	for i, name := range names {
		if i == most {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if len(name) > longest {
			name = strings.ToValidUTF8(name[:longest], "") + "…"
		}
		b.WriteString("`" + name + "`")
	}
	return b.String()
}

// locate finds each named column in the header. A name that stands there twice says nothing.
func locate(at statement.Place, header []string, m *project.CSVMapping) (columns, error) {
	places := map[string]int{}
	twice := map[string]bool{}
	for i, name := range header {
		_, seen := places[name]
		twice[name] = seen
		places[name] = i
	}
	for _, name := range m.ColumnNames() {
		if twice[name] {
			return columns{}, statement.Refuse(at, "the header line has column %s twice", quote([]string{name})).Advise(
				"name the columns with `header`, and pass over this line with `skip`")
		}
	}
	find := func(name string) int {
		if i, ok := places[name]; ok && name != "" {
			return i
		}
		return -1
	}
	k := m.Control
	if k == nil {
		k = &project.Control{}
	}
	c := &m.Columns
	found := columns{
		account: find(m.Account.Column), currency: find(m.Currency.Column),
		booked: find(c.Booked), value: find(c.Value), amount: find(c.Amount), credit: find(c.Credit), debit: find(c.Debit),
		sign: find(c.Sign.Column), status: find(c.Status.Column), reference: find(c.Reference), own: find(c.Own), code: find(c.Code), party: find(c.Party),
		peer: find(c.Peer), balance: find(c.Balance),
		where: find(k.Where.Column), count: find(k.Count), sum: find(k.Sum), hash: find(k.Hash.Column), hashOf: find(k.Hash.Summed),
		opening: find(k.Opening), closed: find(k.Closing),
	}
	for _, name := range c.Text {
		found.text = append(found.text, find(name))
	}
	return found, nil
}
