// Package mt940 reads SWIFT customer statements (MT940) and interim reports (MT942), as category 9 of the SWIFT User
// Handbook defines their fields and as banks write them, into the types of package statement. It owns the format:
// lines, envelopes, fields, the forms of :86:, and the recognition of such files.
//
// It keeps one field at a time in memory, and refuses a line or field beyond statement.MaxValue. An amount is read
// completely or not at all (rule 2): an amount that cannot be read is passed on as a text that is not a number, so
// that intake rejects its row and the statement is not proven. It must not guess amounts, keep anything between
// files, or do I/O other than reading.
//
// The Go modules that read MT940 load the whole file and know the dialect of one bank; therefore none is used.
package mt940

import (
	"io"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// cutOffHint is the next step for a file that ends too early.
const cutOffHint = "the file seems to be truncated: download it again"

type reader struct {
	lines   *lineReader
	emitter emitter
	field   field

	halfTag     line        // a line that may be the first half of a tag
	possibleEnd possibleEnd // a hyphen that may have ended the message
	firstLine   line        // the first line that is not blank
	envelope    envelope    // of the open message
}

// field is one field of a message: its tag and its lines. An empty tag means that no field is open.
type field struct {
	tag   string
	at    statement.Place
	lines []line
	size  int
}

// lineCost is the memory of a line besides its text, so that the limit also holds for many short lines.
const lineCost = 64

// Read reads a file to its end and reports its content to h. It returns a *statement.Error if the file is refused, or
// else the error of h or of r.
func Read(r io.Reader, h statement.Handler) error {
	buffer, release := statement.BufferUTF8(r)
	defer release()
	in := &reader{lines: &lineReader{in: buffer}, emitter: emitter{out: statement.NewEmitter(h)}}
	for in.emitter.out.Err == nil {
		l, ok, err := in.lines.next()
		if err != nil {
			return err
		}
		if !ok {
			in.finish()
			break
		}
		in.acceptLine(l)
	}
	return in.emitter.out.Err
}

// finish closes what is open at the end of the file, and refuses a file without content or one that is truncated.
func (r *reader) finish() {
	r.flushHalfTag()
	r.endMessage(r.checkEnd())
	if r.emitter.statements > 0 {
		return
	}
	at := r.firstLine.at
	if at.Line == 0 {
		at = statement.Place{Line: 1, Column: 1}
	}
	r.emitter.out.Fail(statement.Refuse(at, "the file has no field of MT940 or MT942, such as :20:, :25:, :60F: or :61:"))
}

// acceptLine handles the next line of the file. Banks and programs wrap lines anywhere, even within a tag: a line
// that may be the start of a tag is kept until the next line is known.
func (r *reader) acceptLine(l line) {
	if strings.TrimSpace(l.text) == "" {
		return
	}
	if r.firstLine.at.Line == 0 {
		r.firstLine = l
	}
	if r.halfTag.text != "" {
		joined := line{r.halfTag.text + strings.TrimLeft(l.text, " "), r.halfTag.at}
		if tag, _ := cutTag(joined.text); tag != "" {
			r.halfTag = line{}
			r.acceptContent(joined)
			return
		}
		r.flushHalfTag()
	}
	if beginsTag(l.text) {
		r.halfTag = l
		return
	}
	r.acceptContent(l)
}

// flushHalfTag handles the kept line as it is.
func (r *reader) flushHalfTag() {
	pending := r.halfTag
	r.halfTag = line{}
	if pending.text != "" {
		r.acceptContent(pending)
	}
}

// fieldLine handles a line of a new field or of the open one.
func (r *reader) fieldLine(l line) {
	tag, rest := cutTag(l.text)
	switch {
	case tag != "" && !r.isWrappedTime(l.text):
		r.beforeTag(tag)
		r.field = field{tag: tag, at: l.at, lines: r.field.lines[:0]}
		r.appendLine(line{rest, l.at})
	case r.field.tag != "": // banks write other lines before and between messages
		r.appendLine(l)
	}
}

func (r *reader) appendLine(l line) {
	r.field.size += len(l.text) + lineCost
	if r.field.size > statement.MaxValue {
		r.emitter.out.Fail(statement.Refuse(r.field.at, ":%s: is longer than %d bytes", r.field.tag, statement.MaxValue))
	}
	r.field.lines = append(r.field.lines, l)
}

func (r *reader) endField() {
	if r.field.tag != "" {
		f := r.field
		r.field.tag = ""
		r.emitter.acceptField(&f)
	}
}

// endMessage ends the open field and the statement; whole is whether the message has an end of its own.
func (r *reader) endMessage(whole bool) {
	r.dropAfterHyphen()
	r.endField()
	r.emitter.endStatement(whole)
}
