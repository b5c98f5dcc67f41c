// Finds the end of a message, and files that end within one.

package mt940

import (
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// possibleEnd is a lone hyphen before a statement is closed. It ends the message, but some banks write one within a
// text or after :60M:; the next field decides.
type possibleEnd struct {
	set   bool
	lines int // number of lines of the open field before the hyphen
}

// acceptHyphen handles a line that is a lone hyphen.
func (r *reader) acceptHyphen(l line) {
	switch {
	case r.field.tag == "":
		return
	case r.emitter.seen.closing || r.field.tag[:2] == "62":
		r.emitter.endedByHyphen++
		r.closeBlock()
		return
	case !r.possibleEnd.set:
		r.possibleEnd = possibleEnd{true, len(r.field.lines)}
	}
	r.appendLine(l)
}

// beforeTag ends the open field before a new one, and the message if a hyphen ended it.
func (r *reader) beforeTag(tag string) {
	switch {
	case !r.possibleEnd.set:
	case !continuesMessage(tag):
		r.emitter.endedByHyphen++
		r.endMessage(true)
		return
	case r.field.tag != "86" || !r.emitter.pending:
		r.dropAfterHyphen()
	}
	r.possibleEnd = possibleEnd{}
	r.endField()
}

// continuesMessage reports whether a field cannot be the first one of a message.
func continuesMessage(tag string) bool {
	switch tag {
	case "61", "62", "62F", "62M", "64", "65", "86", "90C", "90D", "NS":
		return true
	}
	return false
}

// dropAfterHyphen removes the hyphen, and the lines after it, from the open field.
func (r *reader) dropAfterHyphen() {
	if r.possibleEnd.set && r.field.tag != "" {
		r.field.lines = r.field.lines[:r.possibleEnd.lines]
	}
	r.possibleEnd = possibleEnd{}
}

// checkEnd refuses a file that ends within a message. A message without a hyphen may end after any field: a report
// then needs its totals, and a statement what the other statements of the file have. A single statement with an
// opening but no closing balance is read, with a fault. whole is whether a hyphen ended the message.
func (r *reader) checkEnd() (whole bool) {
	t := &r.emitter
	whole = r.possibleEnd.set && (!r.lines.unended || t.isReport())
	if r.lines.unended && !r.possibleEnd.set && r.field.mayBeCut() {
		t.out.Refuse(r.field.at, "the file ends within :%s:", r.field.tag).Advise(cutOffHint)
	}
	if r.envelope.open {
		t.out.Refuse(r.envelope.at, "the file ends before -} closes this message").Advise(cutOffHint)
	}
	r.dropAfterHyphen()
	r.endField()
	switch {
	case whole || !t.hasHeader() || t.seen.closing || t.isReport() && t.statement.Stated != statement.Totals{}:
	case t.endedByHyphen > 0, t.closed > 0 && !t.isReport(), t.seen.opening && r.lines.unended:
		t.out.Refuse(t.statement.Place, "the file ends before the end of the statement that begins here").Advise(cutOffHint)
	}
	return whole
}

// hasHeader reports whether the open statement has a field that begins a statement. A stray field after the end of a
// message does not begin one.
func (t *emitter) hasHeader() bool {
	return t.open && (t.seen.reference || t.seen.account || t.seen.number || t.seen.opening)
}

// mayBeCut reports whether a file whose last line has no end may be truncated within this field. A text, a note and
// an amount with all its decimals may be complete; a shorter amount, an account or an entry may not be. A closing
// balance or a total that ends at its mark is complete, or its check fails.
func (f *field) mayBeCut() bool {
	switch f.tag {
	case "", "86", "NS":
		return false
	case "60", "60F", "60M", "62", "62F", "62M", "64", "65", "90C", "90D":
		text := f.lines[len(f.lines)-1].text
		mark := strings.LastIndexAny(text, ",.")
		decimals := len(text) - mark - 1
		return mark < 0 || decimals < 2 && (decimals != 0 || f.tag[0] == '6' && f.tag[:2] != "62")
	}
	return true
}
