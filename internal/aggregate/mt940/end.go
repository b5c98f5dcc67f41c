// Where a message ends, and where a file ends within one.

package mt940

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// pause is a lone hyphen before a statement has been closed. It ends the message, but some banks write one into a text
// or behind :60M:; what follows tells.
type pause struct {
	set   bool
	lines int // of the open field, before the hyphen
}

// hyphen takes a line that is a lone hyphen.
func (r *reader) hyphen(l line) error {
	switch {
	case r.field.tag == "":
		return nil
	case r.emitter.seen.closing || r.field.tag[:2] == "62":
		r.emitter.hyphens++
		return r.closeBlock()
	case !r.pause.set:
		r.pause = pause{true, len(r.field.lines)}
	}
	return r.keep(l)
}

// beforeTag ends the field before the one of a tag, and the message where a hyphen has ended it.
func (r *reader) beforeTag(tag string) error {
	switch {
	case !r.pause.set:
	case !goesOn(tag):
		r.emitter.hyphens++
		return r.endMessage(true)
	case r.field.tag != "86" || !r.emitter.inEntry():
		r.cutAtPause()
	}
	r.pause = pause{}
	return r.endField()
}

// goesOn tells the fields that no message begins with.
func goesOn(tag string) bool {
	switch tag {
	case "61", "62", "62F", "62M", "64", "65", "86", "90C", "90D", "NS":
		return true
	}
	return false
}

// cutAtPause takes the hyphen, and what stands behind it, off the open field.
func (r *reader) cutAtPause() {
	if r.pause.set && r.field.tag != "" {
		r.field.lines = r.field.lines[:r.pause.lines]
	}
	r.pause = pause{}
}

// unfinished refuses a file that ends within a message. One without hyphens may end behind any field: then a report's totals, or
// what the file's other statements have, tell. A single one that opens and does not close is read, and does not hold.
// whole tells that a hyphen has ended the message.
func (r *reader) unfinished() (whole bool, err error) {
	whole = r.pause.set && (!r.lines.cut || r.emitter.report())
	if r.lines.cut && !r.pause.set && r.field.cutOff() {
		return whole, statement.Refuse(r.field.at, "the file ends within :%s:", r.field.tag).Advise(hint)
	}
	if r.block.open {
		return whole, statement.Refuse(r.block.at, "the file ends before -} closes this message").Advise(hint)
	}
	r.cutAtPause()
	if err := r.endField(); err != nil {
		return whole, err
	}
	switch t := &r.emitter; {
	case whole || !t.headed() || t.seen.closing || t.report() && t.s.Stated != statement.Stated{}:
	case t.hyphens > 0, t.closings > 0 && !t.report(), t.seen.opening && r.lines.cut:
		return whole, statement.Refuse(t.s.Place, "the file ends before the statement that begins here does").Advise(hint)
	}
	return whole, nil
}

// headed tells whether a statement is open that a bank has begun: a field behind the end of a message begins none.
func (t *emitter) headed() bool {
	return t.open && (t.seen.reference || t.seen.account || t.seen.number || t.seen.opening)
}

// cutOff tells whether a file that ends without the end of a line ends within this field. A text, a note and an amount with all
// its decimals may be the last that a file says; a shorter amount, an account or an entry may be less than the bank wrote. A
// closing balance or a total that ends at its mark is a whole amount, or does not hold.
func (f *field) cutOff() bool {
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
