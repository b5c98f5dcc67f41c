// Where a message ends, and where a file ends within one.

package mt940

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// possibleEnd is a lone hyphen before a statement has been closed. It ends the message, but some banks write one into a text
// or behind :60M:; what follows tells.
type possibleEnd struct {
	set   bool
	lines int // of the open field, before the hyphen
}

// acceptHyphen takes a line that is a lone hyphen.
func (r *reader) acceptHyphen(l line) error {
	switch {
	case r.field.tag == "":
		return nil
	case r.emitter.seen.closing || r.field.tag[:2] == "62":
		r.emitter.endedByHyphen++
		return r.closeBlock()
	case !r.possibleEnd.set:
		r.possibleEnd = possibleEnd{true, len(r.field.lines)}
	}
	return r.appendLine(l)
}

// beforeTag ends the field before the one of a tag, and the message where a hyphen has ended it.
func (r *reader) beforeTag(tag string) error {
	switch {
	case !r.possibleEnd.set:
	case !continuesMessage(tag):
		r.emitter.endedByHyphen++
		return r.endMessage(true)
	case r.field.tag != "86" || !r.emitter.entryPending():
		r.dropAfterHyphen()
	}
	r.possibleEnd = possibleEnd{}
	return r.endField()
}

// continuesMessage tells the fields that no message begins with.
func continuesMessage(tag string) bool {
	switch tag {
	case "61", "62", "62F", "62M", "64", "65", "86", "90C", "90D", "NS":
		return true
	}
	return false
}

// dropAfterHyphen takes the hyphen, and what stands behind it, off the open field.
func (r *reader) dropAfterHyphen() {
	if r.possibleEnd.set && r.field.tag != "" {
		r.field.lines = r.field.lines[:r.possibleEnd.lines]
	}
	r.possibleEnd = possibleEnd{}
}

// checkEnd refuses a file that ends within a message. One without hyphens may end behind any field: then a report's totals, or
// what the file's other statements have, tell. A single one that opens and does not close is read, and does not hold.
// whole tells that a hyphen has ended the message.
func (r *reader) checkEnd() (whole bool, err error) {
	whole = r.possibleEnd.set && (!r.lines.unended || r.emitter.isReport())
	if r.lines.unended && !r.possibleEnd.set && r.field.mayBeCut() {
		return whole, statement.Refuse(r.field.at, "the file ends within :%s:", r.field.tag).Advise(cutOffHint)
	}
	if r.block.open {
		return whole, statement.Refuse(r.block.at, "the file ends before -} closes this message").Advise(cutOffHint)
	}
	r.dropAfterHyphen()
	if err := r.endField(); err != nil {
		return whole, err
	}
	switch t := &r.emitter; {
	case whole || !t.hasHeader() || t.seen.closing || t.isReport() && t.statement.Stated != statement.Totals{}:
	case t.endedByHyphen > 0, t.closed > 0 && !t.isReport(), t.seen.opening && r.lines.unended:
		return whole, statement.Refuse(t.statement.Place, "the file ends before the statement that begins here does").Advise(cutOffHint)
	}
	return whole, nil
}

// hasHeader tells whether a statement is open that a bank has begun: a field behind the end of a message begins none.
func (t *emitter) hasHeader() bool {
	return t.open && (t.seen.reference || t.seen.account || t.seen.number || t.seen.opening)
}

// mayBeCut tells whether a file that ends without the end of a line ends within this field. A text, a note and an amount with all
// its decimals may be the last that a file says; a shorter amount, an account or an entry may be less than the bank wrote. A
// closing balance or a total that ends at its mark is a whole amount, or does not hold.
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
