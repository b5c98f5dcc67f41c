// Reads entries: :61:, its supplementary details, and the fields after it.

package mt940

import (
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// entryField reads :61: and keeps the entry until its text is complete.
func (t *emitter) entryField(f *field) {
	t.openStatement(f.at, false)
	t.seen.hasContent, t.pending = true, true
	t.details.reset()
	parts, rest := parseEntryLines(f.lines)
	t.entry = statement.Entry{Place: f.at, Currency: t.statement.Currency}
	amount, ok, why := "", false, ""
	if parts != nil {
		amount, ok, why = t.decimals.parseAmount(parts.amount)
	}
	if !ok {
		t.entry.Amount = unreadableField("61", joinLines(f.lines))
		if why != "" { // without a reason, intake gives its own
			t.entry.Refused = &statement.Refusal{Column: "amount", Reason: why}
		}
		return
	}
	parts.amount = amount
	t.entry.Value = t.calendar.value(parts.value)
	t.entry.Booked = t.calendar.entry(parts.entry)
	parts.fill(&t.entry)
	t.details.supplement = joinLines(rest)
}

func (t *emitter) nonSwiftField(f *field) {
	switch {
	case t.pending && t.fitsDetails(f):
		t.details.addNonSwift(f.lines)
	case !t.pending && t.open && !t.seen.begun:
		t.statement.Name = ""
		for code, text := range numberedLines(f.lines) {
			if code == "22" { // the account's name
				t.statement.Name = text
				break
			}
		}
	}
}

// fitsDetails limits the total size of the fields of an entry.
func (t *emitter) fitsDetails(f *field) bool {
	t.details.size += f.size
	if t.details.size > statement.MaxValue {
		t.out.Fail(statement.Refuse(f.at, "an entry's text is longer than %d bytes", statement.MaxValue))
	}
	return t.out.Err == nil
}

func (t *emitter) endEntry() {
	if !t.pending {
		return
	}
	t.pending = false
	t.beginStatement()
	t.entry.Party, t.entry.Peer = t.details.party, t.details.peer
	t.entry.Text = t.details.text()
	if t.seen.floor {
		t.listed.add(t.entry.Amount)
	}
	t.out.Entry(&t.entry)
	t.out.EndEntry()
}

type entryFields struct {
	value, entry string // YYMMDD; MMDD or ""
	expected     bool   // an E before the debit/credit mark
	reversed     bool   // an R before the debit/credit mark
	debit        bool
	amount       string // as written: digits and marks
	code         string // N, S or F and three characters; "" if // follows the amount
	reference    string // the customer's reference, and after // the bank's
}

// parseEntryLines parses the field's first line, joined with the next one if it ends before the amount and the type.
// rest are the supplementary details.
func parseEntryLines(lines []line) (p *entryFields, rest []line) {
	first := strings.TrimRight(lines[0].text, " ")
	if p = parseEntry(first); p != nil || len(lines) == 1 || first == "" {
		return p, lines[1:]
	}
	p = parseEntry(first + strings.TrimLeft(lines[1].text, " "))
	// Digits of supplementary details, after a line without a type, must not become decimals.
	isCertain := p != nil && p.decimals() == 2 && len(p.code) == 4 && strings.IndexByte("NSF", p.code[0]) >= 0
	if end := first[len(first)-1]; (isDigit(end) || end == ',' || end == '.') && !isCertain {
		p = nil
	}
	return p, lines[2:]
}

// parseEntry parses :61:; nil if it has no complete amount. The type or the bank's reference must follow the amount,
// so that a line that ends within its amount is never read as a smaller one.
func parseEntry(text string) *entryFields {
	p := &entryFields{}
	text = strings.TrimSpace(text)
	dates := len(text) - len(strings.TrimLeft(text, "0123456789"))
	if dates != 6 && dates != 10 {
		return nil
	}
	p.value, p.entry = text[:6], text[6:dates]
	text = strings.TrimLeft(text[dates:], " ") // some banks write spaces instead of an entry date
	if text != "" && isLower(text[0]) {
		text = upperMarkAndType(text)
	}
	if text == "" || !p.cutMark(&text) {
		return nil
	}
	length := len(text) - len(strings.TrimLeft(text, amountLetters))
	p.amount = text[:length]
	text = strings.TrimLeft(text[length:], " ")
	if strings.HasPrefix(text, "//") {
		p.reference = text
		return p
	}
	if p.amount == "" || text == "" || !isUpper(text[0]) {
		return nil
	}
	code := 1
	for code < min(4, len(text)) && (isUpper(text[code]) || isDigit(text[code]) || text[code] == ' ') {
		code++
	}
	p.code, p.reference = strings.TrimSpace(text[:code]), text[code:]
	if broken := code < min(4, len(text)) && text[code] != '/'; broken || !p.hasValidType() {
		return nil
	}
	return p
}

// hasValidType reports whether the text after the amount is a type, and not a letter in place of a digit: N or F with
// three characters, or S with three digits. Other types of banks are accepted only after two decimals. Digits in
// place of the type's characters belong to the amount if a mark follows them.
func (p *entryFields) hasValidType() bool {
	after := strings.TrimLeft(p.code[1:]+p.reference, "0123456789")
	if p.decimals() < 0 && len(after) < len(p.code[1:])+len(p.reference) && after != "" && (after[0] == ',' || after[0] == '.') {
		return false
	}
	switch p.code[0] {
	case 'N', 'F':
		return true
	case 'S':
		return strings.Trim(p.code[1:], "0123456789") == "" || p.decimals() == 2
	}
	return p.decimals() == 2
}

// decimals counts the decimals of the amount; -1 if it has no mark.
func (p *entryFields) decimals() int {
	mark := strings.LastIndexAny(p.amount, ",.")
	if mark < 0 {
		return -1
	}
	return len(p.amount) - mark - 1
}

const amountLetters = "0123456789,."

// upperMarkAndType converts the debit/credit mark and the type, before and after the amount, to capitals. References
// stay as written.
func upperMarkAndType(text string) string {
	from := max(0, strings.IndexAny(text, amountLetters))
	end := len(text) - len(strings.TrimLeft(text[from:], amountLetters))
	if !strings.HasPrefix(strings.TrimLeft(text[end:], " "), "//") {
		end = min(len(text), end+4)
	}
	return strings.ToUpper(text[:end]) + text[end:]
}

// cutMark removes the debit/credit mark, with the letters before it and the letter of the funds code after it, from
// the start of text.
func (p *entryFields) cutMark(text *string) bool {
	rest := *text
	p.reversed, p.expected = rest[0] == 'R', rest[0] == 'E'
	if p.reversed || p.expected {
		rest = rest[1:]
	}
	if rest == "" || rest[0] != 'C' && rest[0] != 'D' {
		return false
	}
	p.debit, rest = rest[0] == 'D', rest[1:]
	if rest != "" && isUpper(rest[0]) {
		rest = rest[1:]
	}
	*text = strings.TrimLeft(rest, " ")
	return true
}

// fill sets the fields of an entry, except its dates. The reversal of a credit is negative, that of a debit positive.
func (p *entryFields) fill(e *statement.Entry) {
	e.Amount, e.Reversal = signed(p.amount, p.debit != p.reversed), p.reversed
	if p.expected {
		e.Status = "PDNG"
	}
	e.Code = p.code
	own, reference, _ := strings.Cut(p.reference, "//")
	e.Own, e.Reference = statement.NormalizeReference(own), statement.NormalizeReference(reference)
}

func joinLines(lines []line) string {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.text
	}
	return joinTexts(texts)
}

// joinTexts joins texts, trimmed, with spaces. It changes the list.
func joinTexts(texts []string) string {
	kept := texts[:0]
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			kept = append(kept, text)
		}
	}
	return strings.Join(kept, " ")
}
