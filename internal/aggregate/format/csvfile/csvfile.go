// Package csvfile reads an institution's CSV files by its declared mapping. It owns how rows become entries: their
// amounts and signs, the statements that they belong to, running balances, and control rows. A row that cannot be
// read becomes an entry with the reason, whose amount or day is unreadable, so that it is quarantined and the other
// rows are processed (rule 10). A row longer than statement.MaxValue is refused. The package must not know of
// streams, batches or storage.
//
// The rows of an account and currency are one statement, in any order. Statements are reported one after another:
// rows whose statement cannot begin yet are kept in bounded memory and then in a file of the scratch folder.
package csvfile

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

// Reader reads the CSV files of one institution. It is safe for concurrent use.
type Reader struct {
	institution *project.Institution
	mapping     *project.CSVMapping
	scratch     string
}

// New returns the reader of an institution that declares a CSV mapping. scratch is the folder for rows that do not
// fit in memory; "" is the system's folder for temporary files.
func New(institution *project.Institution, scratch string) *Reader {
	return &Reader{institution: institution, mapping: institution.CSV, scratch: scratch}
}

// Fits reports whether the mapping fits a file that starts with head: the header line has all columns that the mapping
// names. Without a header line, the first row must have as many fields as the declared header, and a booking date. If
// the header line does not fit, why says so, and matched is how many of the mapping's columns it has, or -1 if there is
// no header line with a known delimiter.
func (r *Reader) Fits(head []byte) (ok bool, why *statement.Error, matched int) {
	buffer := statement.Buffer(nil)
	defer statement.Release(buffer)
	t, err := openTable(bytes.NewReader(head), buffer, r.mapping)
	if !errors.As(err, &why) {
		return err == nil && (r.mapping.Header == nil || t.firstRowFits()), nil, 0
	}
	why.Reason = "the CSV mapping of " + r.institution.Name + " does not fit: " + why.Reason
	if t == nil || len(t.header) < 2 {
		return false, why, -1
	}
	return false, why, len(r.mapping.ColumnNames()) - len(missingColumns(t.header, r.mapping))
}

func (t *table) firstRowFits() bool {
	first, err := t.next()
	if err != nil || first.defect != "" {
		return false
	}
	if c := t.mapping.Control; c != nil && c.First && (t.isMarkedControl(first) || c.Where.Column == "") {
		return true
	}
	date := t.cell(first, t.columns.booked)
	_, reason := parseDate(date, t.mapping)
	return reason == "" || date == "" && t.state(first) != unknown && t.mapping.Columns.Status.Column != ""
}

// Read reads a file and reports its content to h. An error that is not a *statement.Error comes from in or h.
func (r *Reader) Read(in io.Reader, h statement.Handler) error {
	buffer := statement.Buffer(nil)
	defer statement.Release(buffer)
	t, err := openTable(in, buffer, r.mapping)
	if err != nil {
		return err
	}
	return newEmitter(r, t, h).emitAll()
}

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
