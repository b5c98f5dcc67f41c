// Reads what surrounds the fields: {1:…}{2:…}{3:…}{4: … -}{5:…}, or a lone hyphen, or nothing.

package mt940

import (
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// envelope is the envelope of the open message.
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

// closeBlock ends a message and its envelope.
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
