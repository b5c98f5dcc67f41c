// Amounts as institutions write them (rule 2).

package csvfile

import (
	"slices"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// alike are characters that stand for a declared mark: blanks that do not break, and the typographic apostrophe and minus.
var alike = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2019", "'", "\u2212", "-")

// amount reads a number with the mapping's marks; a sign may stand behind it. What is none stays as it is, but as
// statement.Unread has it: with a decimal comma "1.234" is not read, and not one and a bit either.
func amount(text string, m *project.CSVMapping) (decimal string, ok bool) {
	number := alike.Replace(text)
	if end := len(number) - 1; end > 0 && (number[end] == '-' || number[end] == '+') && digit(number[0]) {
		number = number[end:] + number[:end]
	}
	if m.Group != 0 {
		number = ungroup(number, m.Group, m.Decimal)
	}
	if decimal, ok = statement.Amount(number, m.Decimal); !ok {
		return statement.Unread(text, m.Decimal), false
	}
	return decimal, true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// ungroup takes group marks out of a number in which each stands before three digits; any other text stays as it is.
func ungroup(number string, group, mark byte) string {
	whole, fraction, marked := strings.Cut(number, string(mark))
	groups := strings.Split(whole, string(group))
	first := strings.TrimLeft(groups[0], "+-")
	if len(groups) == 1 || len(first) == 0 || len(first) > 3 {
		return number
	}
	for _, g := range groups[1:] {
		if len(g) != 3 {
			return number
		}
	}
	whole = strings.Join(groups, "")
	if marked {
		whole += string(mark) + fraction
	}
	return whole
}

// signed is what a row's account moved by, or, where its columns do not say so, what stands there.
func (t *table) signed(r row) (decimal string, ok bool) {
	c, m := &t.columns, t.mapping
	if c.amount < 0 {
		return twoColumns(r.cell(c.credit), r.cell(c.debit), m)
	}
	text := r.cell(c.amount)
	decimal, ok = amount(text, m)
	if c.sign < 0 || !ok {
		return decimal, ok
	}
	sign := r.cell(c.sign)
	unsigned := digit(decimal[0]) && strings.Trim(text, "+-\u2212") == text
	switch {
	case unsigned && slices.Contains(m.Columns.Sign.Credit, sign):
		return decimal, true
	case unsigned && slices.Contains(m.Columns.Sign.Debit, sign):
		return statement.Negate(decimal), true
	}
	return statement.Unread(strings.TrimSpace(text+" "+sign), 0), false
}

// twoColumns is the amount of a row that has it in one of two columns. Zeros in the other one say nothing; a debit may have
// its sign already.
func twoColumns(credit, debit string, m *project.CSVMapping) (decimal string, ok bool) {
	both := strings.TrimSpace(credit + " / " + debit)
	in, inOK := amount(credit, m)
	out, outOK := amount(debit, m)
	switch {
	case credit == "" && debit == "":
		return "", false
	case credit != "" && !inOK || debit != "" && !outOK || in != "" && in[0] == '-':
		return both, false
	case debit == "" || zero(out) && credit != "":
		return in, true
	case credit != "" && !zero(in):
		return both, false
	}
	if out[0] == '-' {
		return out, true
	}
	return statement.Negate(out), true
}

func zero(decimal string) bool { return statement.Negate(decimal) == decimal }
