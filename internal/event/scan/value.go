// Values: adds their text to a column, exactly or not at all.

package scan

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"bursar/internal/column"
	"bursar/internal/decimal"
)

// Reasons that a grown schema may remove.
const (
	Required    = "a value is required"
	NotDeclared = "is not one of the declared values"
)

// null adds a null, or refuses it for a required column.
func (f *filler) null(i int) bool {
	t := &f.plan.targets[i]
	if !t.optional {
		return f.refuse(i, Required+", and it is null")
	}
	f.block.Columns[i].AppendNull()
	return true
}

// text adds a value from the text of a CSV field or JSON string: valid UTF-8 without NUL. The scanner handles the text of json columns.
func (f *filler) text(i int, tok []byte) bool {
	t := &f.plan.targets[i]
	if t.free {
		f.block.Columns[i].AppendText(tok)
		return true
	}
	if t.bounded && len(tok) > MaxKey {
		return f.tooLong(i, tok)
	}
	switch t.typ.Kind {
	case column.String:
		if t.in != nil && !t.allows(tok) {
			return f.refuse(i, shorten(tok)+" "+NotDeclared)
		}
		f.block.Columns[i].AppendText(tok)
		return true
	case column.Bool:
		return f.boolText(i, tok)
	case column.Date, column.Timestamp:
		return f.time(i, tok)
	default:
		return f.number(i, tok, t.mark, t.group)
	}
}

func (f *filler) tooLong(i int, tok []byte) bool {
	return f.refuse(i, fmt.Sprintf("%s is %d bytes long: the limit of an id or key value is 4 KiB", shorten(tok), len(tok)))
}

func (t *target) allows(tok []byte) bool {
	if t.inMany != nil {
		return t.inMany[string(tok)]
	}
	for _, s := range t.in {
		if string(tok) == s {
			return true
		}
	}
	return false
}

func (f *filler) boolText(i int, tok []byte) bool {
	switch {
	case bytes.EqualFold(tok, []byte("true")):
		f.block.Columns[i].AppendInt(1)
	case bytes.EqualFold(tok, []byte("false")):
		f.block.Columns[i].AppendInt(0)
	default:
		return f.misfit(i, tok, "it is neither true nor false")
	}
	return true
}

func (f *filler) number(i int, tok []byte, mark, group byte) bool {
	t := &f.plan.targets[i]
	if n, ok := narrow(tok, t.digits, t.typ.Scale, mark); ok {
		f.block.Columns[i].AppendInt(n)
		return true
	}
	text := tok
	if group == ' ' {
		text = plainBlanks(tok)
	}
	n, reason := exact(text, t.typ.Scale, mark, group)
	if reason == notNumber {
		reason += otherNotation(tok)
	}
	if reason != "" {
		return f.misfit(i, tok, reason)
	}
	return f.unscaled(i, n, tok)
}

// otherNotation completes the reason why a text is not a number, if it is one with brackets, a sign behind it or a currency beside it.
func otherNotation(tok []byte) string {
	if bytes.ContainsFunc(tok, func(r rune) bool { return unicode.IsLetter(r) || r == ':' }) || !bytes.ContainsAny(tok, "0123456789") {
		return ""
	}
	if bytes.HasPrefix(tok, []byte("(")) || bytes.HasSuffix(tok, []byte("-")) || bytes.ContainsFunc(tok, func(r rune) bool { return unicode.Is(unicode.Sc, r) }) {
		return " as a stream reads it: write the sign in front, and no currency beside it"
	}
	return ""
}

// plainBlanks replaces the blanks that spreadsheet programs write between groups of digits, so that lines are not broken there.
func plainBlanks(tok []byte) []byte {
	for _, blank := range []string{"\u00a0", "\u202f"} {
		tok = bytes.ReplaceAll(tok, []byte(blank), []byte(" "))
	}
	return tok
}

// unscaled adds a number at its column's scale; tok is its text.
func (f *filler) unscaled(i int, n decimal.Int128, tok []byte) bool {
	typ := f.plan.types[i]
	if !fits(n, typ) {
		return f.misfit(i, tok, Overflows)
	}
	if typ.IsWide() {
		f.block.Columns[i].AppendWide(n)
	} else {
		f.block.Columns[i].AppendInt(int64(n.LowBits()))
	}
	return true
}

func (f *filler) time(i int, tok []byte) bool {
	t := &f.plan.targets[i]
	if t.isEpoch() {
		return f.epoch(i, tok)
	}
	var m moment
	var reason string
	switch {
	case t.layout != nil:
		reason = m.follow(t.layout, tok)
	case t.typ.Kind == column.Date:
		reason = m.isoDate(tok)
	default:
		reason = m.isoTimestamp(tok)
	}
	if reason != "" {
		return f.misfit(i, tok, reason)
	}
	if t.typ.Kind == column.Date {
		f.block.Columns[i].AppendInt(m.days())
		return true
	}
	return f.instant(i, m.seconds()-int64(m.offset), int64(m.micro), m.zoned, tok)
}

func (t *target) isEpoch() bool { return t.layout != nil && t.layout.Epoch > 0 }

// epoch adds a timestamp from the number of seconds or milliseconds since 1970, exactly (rule 2).
func (f *filler) epoch(i int, tok []byte) bool {
	n, reason := exact(tok, f.plan.targets[i].layout.Epoch, '.', 0)
	switch {
	case reason == TooPrecise:
		reason = finerMicros
	case reason == Overflows, reason == "" && !decimal.FitsInt64(n):
		reason = outsideYears
	}
	if reason != "" {
		return f.misfit(i, tok, reason)
	}
	seconds, micro := int64(n.LowBits())/1e6, int64(n.LowBits())%1e6
	if micro < 0 {
		seconds, micro = seconds-1, micro+1e6
	}
	return f.instant(i, seconds, micro, true, tok)
}

// instant adds a timestamp; seconds without a zone are in the column's local time.
func (f *filler) instant(i int, seconds, micro int64, zoned bool, tok []byte) bool {
	if zone := f.plan.targets[i].zone; zone != nil && !zoned {
		var reason string
		if seconds, reason = f.zones[i].utc(seconds, zone); reason != "" {
			return f.misfit(i, tok, fmt.Sprintf("%s (%s)", reason, zone))
		}
	}
	if seconds < minSeconds || seconds > maxSeconds {
		return f.misfit(i, tok, outsideYears)
	}
	f.block.Columns[i].AppendInt(seconds*1e6 + micro)
	return true
}

// checkText refuses bytes that are not text for a warehouse.
func (f *filler) checkText(i int, tok []byte) bool {
	if !utf8.Valid(tok) {
		return f.refuse(i, shorten(tok)+" is not valid UTF-8")
	}
	if bytes.IndexByte(tok, 0) >= 0 {
		return f.refuse(i, shorten(tok)+" contains a NUL character, which SQL text cannot")
	}
	return true
}
