// Package mt940 reads SWIFT's customer statements (MT940) and interim reports (MT942), as category 9 of the SWIFT User
// Handbook defines their fields and as banks write them, into the vocabulary of package statement. It owns the format: lines,
// envelopes, fields, the forms of :86:, and telling such a file by its first bytes.
//
// It streams: one field is held at a time, and a line or field beyond statement.MaxValue is refused. An amount is read
// whole or not at all (rule 2): what cannot be read stays as text that is no number, so that intake rejects its row and the
// statement is not proven. It must not guess at amounts, keep anything between files, or do I/O of its own.
//
// The Go modules that read MT940 hold the whole file, and know one bank's form of it; so there is none underneath.
package mt940

import (
	"io"
	"strings"

	"bursar/internal/aggregate/statement"
)

// cutOffHint is the next step for a file that ends too early.
const cutOffHint = "the file seems to be cut off: fetch it again"

// reader is one reading of a file.
type reader struct {
	lines   *lineReader
	emitter emitter
	field   field

	halfTag     line        // a line that may be the first half of a tag
	possibleEnd possibleEnd // a hyphen that may have ended the message
	firstLine   line        // the first line that is not blank
	block       envelope    // the message around the fields
}

// field is one field of a message: its tag and its lines. A tag of "" is none.
type field struct {
	tag   string
	at    statement.Place
	lines []line
	size  int
}

// lineCost is what a line costs beside its text, so that many short lines do not outgrow the limit.
const lineCost = 64

// Read reads a file to its end and tells h what it states. It returns a *statement.Error where the file is refused, h's
// error where h returns one, and else what r says.
func Read(r io.Reader, h statement.Handler) error {
	buffer, release := statement.BufferUTF8(r)
	defer release()
	in := &reader{lines: &lineReader{in: buffer}, emitter: emitter{handler: h}}
	for {
		l, ok, err := in.lines.next()
		if err != nil {
			return err
		}
		if !ok {
			return in.end()
		}
		if err := in.acceptLine(l); err != nil {
			return err
		}
	}
}

// end closes what is open when the file ends, and refuses a file that says nothing or stops in the middle.
func (r *reader) end() error {
	if err := r.flushHalfTag(); err != nil {
		return err
	}
	whole, err := r.checkEnd()
	if err != nil {
		return err
	}
	if err := r.endMessage(whole); err != nil {
		return err
	}
	if r.emitter.statements > 0 {
		return nil
	}
	at := r.firstLine.at
	if at.Line == 0 {
		at = statement.Place{Line: 1, Column: 1}
	}
	return statement.Refuse(at, "no field of an MT940 or MT942 is found, such as :20:, :25:, :60F: or :61:")
}

// acceptLine takes the next line of the file. Banks and programs wrap lines anywhere, even within a tag: a line that is the
// beginning of one is held until the next line is seen.
func (r *reader) acceptLine(l line) error {
	if strings.TrimSpace(l.text) == "" {
		return nil
	}
	if r.firstLine.at.Line == 0 {
		r.firstLine = l
	}
	if r.halfTag.text != "" {
		joined := line{r.halfTag.text + strings.TrimLeft(l.text, " "), r.halfTag.at}
		if tag, _ := cutTag(joined.text); tag != "" {
			r.halfTag = line{}
			return r.acceptContent(joined)
		}
		if err := r.flushHalfTag(); err != nil {
			return err
		}
	}
	if beginsTag(l.text) {
		r.halfTag = l
		return nil
	}
	return r.acceptContent(l)
}

// flushHalfTag takes the held line for what it is by itself.
func (r *reader) flushHalfTag() error {
	pending := r.halfTag
	if pending.text == "" {
		return nil
	}
	r.halfTag = line{}
	return r.acceptContent(pending)
}

// fieldLine takes a line of a new field, or of the one that is open.
func (r *reader) fieldLine(l line) error {
	tag, rest := cutTag(l.text)
	if tag != "" && !r.isWrappedTime(l.text) {
		if err := r.beforeTag(tag); err != nil {
			return err
		}
		r.field = field{tag: tag, at: l.at, lines: r.field.lines[:0]}
		return r.appendLine(line{rest, l.at})
	}
	if r.field.tag == "" {
		return nil // banks write lines of their own before and between messages
	}
	return r.appendLine(l)
}

// appendLine adds a line to the open field.
func (r *reader) appendLine(l line) error {
	r.field.size += len(l.text) + lineCost
	if r.field.size > statement.MaxValue {
		return statement.Refuse(r.field.at, ":%s: is longer than %d bytes", r.field.tag, statement.MaxValue)
	}
	r.field.lines = append(r.field.lines, l)
	return nil
}

// endField tells the open field.
func (r *reader) endField() error {
	if r.field.tag == "" {
		return nil
	}
	f := r.field
	r.field.tag = ""
	return r.emitter.acceptField(&f)
}

// endMessage tells the open field and ends the statement; whole tells that the message has an end of its own.
func (r *reader) endMessage(whole bool) error {
	r.dropAfterHyphen()
	if err := r.endField(); err != nil {
		return err
	}
	return r.emitter.endStatement(whole)
}
