// From fields to statements: where one begins and ends, and what its fields say of it.

package mt940

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// emitter tells a Handler what the fields state.
type emitter struct {
	h          statement.Handler
	kind       string // the message's type, where its envelope states it
	statements int
	closings   int // statements that close with a balance
	hyphens    int // messages that end in a hyphen

	open bool // a statement has a field
	seen seen
	s    statement.Statement

	entry    statement.Entry
	details  details
	calendar calendar
	pending  bool // an entry waits for the rest of its text
	listed   listed
	mark     decimalMark // of the file
}

// seen is what an open statement has had.
type seen struct {
	reference, account, number bool
	interim                    bool // a field that only an interim report has
	floor                      bool // entries below a limit are not listed
	opening, closing           bool
	body                       bool // a balance, a total or an entry
	begun                      bool // the Handler knows of it
}

func (t *emitter) inEntry() bool { return t.pending }

// field takes a whole field.
func (t *emitter) field(f *field) error {
	switch f.tag {
	case "86":
		return t.information(f)
	case "NS":
		return t.nonSwift(f)
	}
	if err := t.endEntry(); err != nil {
		return err
	}
	for len(f.lines) > 1 && strings.TrimSpace(f.lines[0].text) == "" {
		f.lines = f.lines[1:] // wrapped behind its tag
	}
	if f.tag == "61" {
		return t.statementLine(f)
	}
	if err := t.header(f); err != nil {
		return err
	}
	return t.stray(f)
}

// header takes a field of the statement itself.
func (t *emitter) header(f *field) error {
	text := strings.TrimSpace(f.lines[0].text)
	switch f.tag {
	case "20":
		err := t.start(f.at, t.seen.reference || t.seen.body)
		t.seen.reference, t.s.Reference = true, text
		return err
	case "25", "25P":
		err := t.start(f.at, t.seen.account || t.seen.body)
		t.account(f)
		return err
	case "28", "28C":
		err := t.start(f.at, t.seen.number || t.seen.closing)
		t.seen.number = true
		number, page, _ := strings.Cut(text, "/")
		t.s.Number, t.s.Page = strings.TrimSpace(number), strings.TrimSpace(page)
		return err
	case "34F", "13", "13D":
		err := t.start(f.at, false)
		t.interim(f.tag, text)
		return err
	case "90D", "90C":
		return t.totals(f.tag, text, f.at)
	case "60", "60F", "60M", "62", "62F", "62M", "64", "65":
		return t.balance(f.tag, text, f.at)
	}
	return nil
}

// start opens a statement where none is open. again tells that the field belongs to the next one.
func (t *emitter) start(at statement.Place, again bool) error {
	if again {
		if err := t.endStatement(false); err != nil {
			return err
		}
	}
	if !t.open {
		t.open, t.seen, t.listed = true, seen{}, listed{}
		t.s = statement.Statement{Place: at}
		t.calendar.begin("", false)
	}
	return nil
}

// account reads :25:, and :25P: with a BIC in its second line. A currency behind the number is the bank's way to tell accounts
// of one number apart, and stays.
func (t *emitter) account(f *field) {
	t.seen.account = true
	t.s.Servicer, t.s.Account, t.s.IBAN = accountOf(f.lines[0].text)
	if len(f.lines) > 1 && f.tag == "25P" {
		t.s.Servicer = strings.TrimSpace(f.lines[1].text)
		f.lines = append(f.lines[:1], f.lines[2:]...)
	}
}

// accountOf reads an account's number. Polish banks write a slash before an IBAN, others their BIC and a slash.
func accountOf(text string) (servicer, number string, iban bool) {
	if before, behind, ok := strings.Cut(text, "/"); ok {
		before = strings.TrimSpace(before)
		if number, iban = statement.AccountNumber(behind); iban && (before == "" || isBIC(before)) {
			return before, number, true
		}
	}
	number, iban = statement.AccountNumber(text)
	return "", number, iban
}

// isBIC tells a BIC by its form: bank, country, place, and maybe a branch.
func isBIC(text string) bool {
	if len(text) != 8 && len(text) != 11 {
		return false
	}
	for i := range len(text) {
		if !letter(text[i]) && (i < 6 || !digit(text[i])) {
			return false
		}
	}
	return true
}

// interim reads what MT942 has in the place of an opening balance.
func (t *emitter) interim(tag, text string) {
	t.seen.interim = true
	if tag != "34F" {
		t.s.Created = created(text)
		if !t.seen.opening {
			t.calendar.begin(t.s.Created, true)
		}
		return
	}
	t.seen.floor = t.seen.floor || strings.Trim(text[min(3, len(text)):], "CD0,. ") != ""
	if text = strings.ToUpper(text); len(text) >= 3 && isCurrency(text[:3]) && t.s.Currency == "" {
		t.s.Currency = text[:3]
	}
}

// begin tells the Handler of the open statement, once.
func (t *emitter) begin() error {
	if t.seen.begun {
		return nil
	}
	t.seen.begun = true
	t.statements++
	t.s.Format, t.s.Kind = "mt940", statement.Booked
	if t.report() {
		t.s.Format, t.s.Kind = "mt942", statement.Report
	}
	return t.h.Begin(&t.s)
}

// report tells an interim report: by its envelope, else by its fields, or by the name that German banks give to what is not
// booked yet.
func (t *emitter) report() bool {
	return t.kind == "942" || t.kind == "" && (t.seen.interim && !t.seen.opening || strings.HasPrefix(t.s.Reference, "STARTDISP"))
}

// endStatement ends the open entry and statement. One that opens must close: without an end of its own it may be cut off.
func (t *emitter) endStatement(whole bool) error {
	if err := t.endEntry(); err != nil {
		return err
	}
	if !t.open {
		return nil
	}
	if err := t.begin(); err != nil {
		return err
	}
	switch {
	case t.seen.closing:
		t.closings++
	case t.seen.opening && !whole:
		t.s.Fault = "it opens with a balance, and ends before another closes it"
	}
	t.aboveFloor()
	t.open, t.seen = false, seen{}
	return t.h.End()
}

// stray reports the lines after a field that has but one: nothing is said to belong to it, and nothing is lost (rule 10).
func (t *emitter) stray(f *field) error {
	for _, l := range f.lines[1:] {
		n := &statement.Notice{Place: l.at, What: "line", Fields: []statement.Field{
			{Name: "after", Value: ":" + f.tag + ":"}, {Name: "text", Value: strings.TrimSpace(l.text)},
		}}
		if err := t.h.Notice(n); err != nil {
			return err
		}
	}
	return nil
}
