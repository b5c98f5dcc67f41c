// Turns fields into statements: where one begins and ends, and what its fields state.

package mt940

import (
	"regexp"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// emitter reports the content of the fields to a Handler.
type emitter struct {
	out           statement.Emitter
	kind          string // the message type, if its envelope states it
	statements    int    // reported so far
	closed        int    // statements with a closing balance
	endedByHyphen int    // messages that end with a hyphen

	open      bool // the open statement has a field
	seen      seen
	statement statement.Statement

	entry    statement.Entry
	details  details
	calendar calendar
	pending  bool // an entry is kept until its text is complete
	listed   listedTotals
	decimals decimalMark // of the file's amounts
}

// seen is what the open statement has had so far.
type seen struct {
	reference, account, number bool
	interim                    bool // a field that only an interim report has
	floor                      bool // a floor limit: smaller entries are not listed
	opening, closing           bool
	hasContent                 bool // a balance, a total or an entry
	begun                      bool // it has been reported to the Handler
}

func (t *emitter) acceptField(f *field) {
	switch f.tag {
	case "86":
		if t.pending && t.fitsDetails(f) { // elsewhere it is about the statement and is ignored
			t.details.addInformation(f.lines)
		}
		return
	case "NS":
		t.nonSwiftField(f)
		return
	}
	t.endEntry()
	for len(f.lines) > 1 && strings.TrimSpace(f.lines[0].text) == "" {
		f.lines = f.lines[1:] // the line is wrapped after the tag
	}
	if f.tag == "61" {
		t.entryField(f)
		return
	}
	t.headerField(f)
	for _, l := range f.lines[1:] { // their meaning is unknown, and nothing may be lost (rule 10)
		t.out.Notice(&statement.Notice{Place: l.at, What: "line", Fields: []statement.Field{
			{Name: "after", Value: ":" + f.tag + ":"}, {Name: "text", Value: strings.TrimSpace(l.text)},
		}})
	}
}

func (t *emitter) headerField(f *field) {
	text := strings.TrimSpace(f.lines[0].text)
	switch f.tag {
	case "20":
		t.openStatement(f.at, t.seen.reference || t.seen.hasContent)
		t.seen.reference, t.statement.Reference = true, text
	case "25", "25P":
		t.openStatement(f.at, t.seen.account || t.seen.hasContent)
		t.setAccount(f)
	case "28", "28C":
		t.openStatement(f.at, t.seen.number || t.seen.closing)
		t.seen.number = true
		number, page, _ := strings.Cut(text, "/")
		t.statement.Number, t.statement.Page = strings.TrimSpace(number), strings.TrimSpace(page)
	case "34F", "13", "13D":
		t.openStatement(f.at, false)
		t.interimField(f.tag, text)
	case "90D", "90C":
		t.totalsField(f.tag, text, f.at)
	case "60", "60F", "60M", "62", "62F", "62M", "64", "65":
		t.balanceField(f.tag, text, f.at)
	}
}

// openStatement opens a statement if none is open. isNext ends the open one first.
func (t *emitter) openStatement(at statement.Place, isNext bool) {
	if isNext {
		t.endStatement(false)
	}
	if !t.open {
		t.open, t.seen, t.listed = true, seen{}, listedTotals{}
		t.statement = statement.Statement{Place: at}
		t.calendar.reset("", false)
	}
}

// setAccount reads :25:, and :25P: with a BIC in its second line. A currency after the number is kept, because some
// banks distinguish accounts of one number by it.
func (t *emitter) setAccount(f *field) {
	t.seen.account = true
	t.statement.Servicer, t.statement.Account, t.statement.IBAN = parseAccount(f.lines[0].text)
	if len(f.lines) > 1 && f.tag == "25P" {
		t.statement.Servicer = strings.TrimSpace(f.lines[1].text)
		f.lines = append(f.lines[:1], f.lines[2:]...)
	}
}

// parseAccount parses an account number. Polish banks write a slash before an IBAN, others their BIC and a slash.
func parseAccount(text string) (servicer, number string, iban bool) {
	if before, after, ok := strings.Cut(text, "/"); ok {
		before = strings.TrimSpace(before)
		if number, iban = statement.AccountNumber(after); iban && (before == "" || bicPattern.MatchString(before)) {
			return before, number, true
		}
	}
	number, iban = statement.AccountNumber(text)
	return "", number, iban
}

// bicPattern is the form of a BIC: bank, country, location, and an optional branch.
var bicPattern = regexp.MustCompile(`^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$`)

// interimField reads the fields that MT942 has instead of an opening balance.
func (t *emitter) interimField(tag, text string) {
	t.seen.interim = true
	if tag != "34F" {
		t.statement.Created = creationTime(text)
		if !t.seen.opening {
			t.calendar.reset(t.statement.Created, true)
		}
		return
	}
	t.seen.floor = t.seen.floor || strings.Trim(text[min(3, len(text)):], "CD0,. ") != ""
	if text = strings.ToUpper(text); len(text) >= 3 && isCurrency(text[:3]) && t.statement.Currency == "" {
		t.statement.Currency = text[:3]
	}
}

func (t *emitter) beginStatement() {
	if t.seen.begun {
		return
	}
	t.seen.begun = true
	t.statements++
	t.statement.Format, t.statement.Kind = "mt940", statement.Booked
	if t.isReport() {
		t.statement.Format, t.statement.Kind = "mt942", statement.Report
	}
	t.out.Begin(&t.statement)
}

// isReport reports whether the statement is an interim report: by its envelope, or else by its fields, or by the
// reference that German banks give to entries that are not booked yet.
func (t *emitter) isReport() bool {
	return t.kind == "942" || t.kind == "" && (t.seen.interim && !t.seen.opening || strings.HasPrefix(t.statement.Reference, "STARTDISP"))
}

// endStatement ends the open entry and statement. An opening balance requires a closing balance, unless the message
// has an end of its own: the file may be truncated.
func (t *emitter) endStatement(whole bool) {
	t.endEntry()
	if !t.open {
		return
	}
	t.beginStatement()
	switch {
	case t.seen.closing:
		t.closed++
	case t.seen.opening && !whole:
		t.statement.Fault = "it opens with a balance, and ends before another closes it"
	}
	t.dropTotalsAboveFloor()
	t.open, t.seen = false, seen{}
	t.out.End()
}
