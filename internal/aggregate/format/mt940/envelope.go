// Reads what surrounds the fields: {1:…}{2:…}{3:…}{4: … -}{5:…}, or a lone hyphen, or nothing; and finds files that
// end within a message.

package mt940

import (
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

type envelope struct {
	open    bool // block 4 has begun and -} must follow
	at      statement.Place
	skipped bool // the message is not a statement
}

// acceptContent handles a line that is not blank: a part of an envelope or of a field, or the end of one message and
// the start of the next.
func (r *reader) acceptContent(l line) {
	for !r.cutEnvelope(&l) {
		if isBlock(l.text) {
			continue // after an acknowledgement
		}
		inside, after, ends := l, line{}, false
		if r.envelope.open {
			inside, after, ends = splitEnd(l)
		}
		r.fieldLine(inside)
		if !ends {
			return
		}
		r.closeBlock()
		l = after
	}
}

// cutEnvelope removes the parts of an envelope from the start of a line; done reports that nothing is left.
func (r *reader) cutEnvelope(l *line) (done bool) {
	text := strings.TrimSpace(l.text)
	if rest, ok := cutEnd(text); ok {
		r.closeBlock()
		text = rest
		l.text = text
	}
	switch {
	case text == "" || text == "$": // which some systems write between messages
		return true
	case text == "-":
		r.acceptHyphen(*l)
		return true
	case isBlock(text):
		return r.readBlocks(l, text)
	}
	return r.envelope.skipped
}

// splitEnd finds the -} that ends a message within a line: only blocks may follow it.
func splitEnd(l line) (inside, after line, ends bool) {
	for from := 0; ; {
		i := strings.Index(l.text[from:], "-}")
		if i < 0 {
			return l, line{}, false
		}
		from += i + len("-}")
		if rest, ok := cutEnd(l.text[from-len("-}"):]); ok {
			return line{l.text[:from-len("-}")], l.at}, line{rest, l.at}, true
		}
	}
}

// cutEnd removes the -} that ends a message from the start of a text: only the next message, and what systems write
// between two messages, may follow it.
func cutEnd(text string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(text, "-}"); !ok {
		return "", false
	}
	rest = strings.TrimLeft(rest, " $")
	tag, _ := cutTag(rest)
	return rest, rest == "" || tag != "" || isBlock(rest) || strings.HasPrefix(rest, "-}")
}

// isBlock reports whether a line starts with a block such as {1:.
func isBlock(text string) bool {
	return len(text) >= 3 && text[0] == '{' && strings.IndexByte("12345S", text[1]) >= 0 && text[2] == ':'
}

func (r *reader) closeBlock() {
	r.possibleEnd = possibleEnd{} // this is the end, so an earlier hyphen was text
	r.endMessage(true)
	r.envelope = envelope{}
	r.emitter.kind = ""
}

// readBlocks reads the message type from block 2 and reduces the line to the content of block 4.
func (r *reader) readBlocks(l *line, text string) (done bool) {
	r.endMessage(false)
	header, inside, ok := strings.Cut(text, "{4:")
	if kind := messageType(header); kind != "" {
		r.emitter.kind = kind
		r.envelope.skipped = kind != "940" && kind != "942" && kind != "950"
		if r.envelope.skipped {
			r.emitter.out.Notice(&statement.Notice{Place: l.at, What: "message", Fields: []statement.Field{{Name: "type", Value: kind}}})
		}
	}
	if !ok {
		return true
	}
	if strings.HasPrefix(inside, "{") { // an acknowledgement; a message may follow it
		_, after, ok := strings.Cut(inside, "{1:")
		l.at.Column += int64(len(text) - len(after) - len("{1:"))
		l.text = "{1:" + after
		return !ok
	}
	r.envelope.open, r.envelope.at = true, l.at
	l.at.Column += int64(len(header) + len("{4:"))
	l.text = inside
	return strings.TrimSpace(inside) == "" || r.envelope.skipped
}

// messageType returns the type in block 2, as in {2:O940… or {2:I942…, or "".
func messageType(text string) string {
	_, block, ok := strings.Cut(text, "{2:")
	if !ok || len(block) < 4 || !isDigit(block[1]) || !isDigit(block[2]) || !isDigit(block[3]) {
		return ""
	}
	return block[1:4]
}

// possibleEnd is a lone hyphen before a statement is closed. It ends the message, but some banks write one within a
// text or after :60M:; the next field decides.
type possibleEnd struct {
	set   bool
	lines int // number of lines of the open field before the hyphen
}

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
	case !slices.Contains([]string{"61", "62", "62F", "62M", "64", "65", "86", "90C", "90D", "NS"}, tag): // the first one of a message
		r.emitter.endedByHyphen++
		r.endMessage(true)
		return
	case r.field.tag != "86" || !r.emitter.pending:
		r.dropAfterHyphen()
	}
	r.possibleEnd = possibleEnd{}
	r.endField()
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
		t.out.Fail(statement.Refuse(r.field.at, "the file ends within :%s:", r.field.tag).Advise(cutOffHint))
	}
	if r.envelope.open {
		t.out.Fail(statement.Refuse(r.envelope.at, "the file ends before -} closes this message").Advise(cutOffHint))
	}
	r.dropAfterHyphen()
	r.endField()
	// A stray field after the end of a message does not begin a statement.
	hasHeader := t.open && (t.seen.reference || t.seen.account || t.seen.number || t.seen.opening)
	switch {
	case whole || !hasHeader || t.seen.closing || t.isReport() && t.statement.Stated != statement.Totals{}:
	case t.endedByHyphen > 0, t.closed > 0 && !t.isReport(), t.seen.opening && r.lines.unended:
		t.out.Fail(statement.Refuse(t.statement.Place, "the file ends before the end of the statement that begins here").Advise(cutOffHint))
	}
	return whole
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
