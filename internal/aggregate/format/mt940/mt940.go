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
	"bytes"
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
	in := &reader{lines: newLineReader(buffer), emitter: emitter{out: statement.NewEmitter(h)}}
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

func (r *reader) flushHalfTag() {
	pending := r.halfTag
	r.halfTag = line{}
	if pending.text != "" {
		r.acceptContent(pending)
	}
}

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

// tags are the fields of MT940, MT942 and MT950, those that banks write without their letter, and :NS: of German
// banks.
var tags = map[string]bool{
	"13": true, "13D": true, "20": true, "21": true, "25": true, "25P": true, "28": true, "28C": true, "34F": true,
	"60": true, "60F": true, "60M": true, "61": true, "62": true, "62F": true, "62M": true, "64": true, "65": true,
	"86": true, "90C": true, "90D": true, "NS": true,
}

// cutTag splits a line into its tag and the rest; tag is "" if it starts with none.
func cutTag(text string) (tag, rest string) {
	text = strings.TrimLeft(text, " ")
	if len(text) < 4 || text[0] != ':' {
		return "", ""
	}
	end := strings.IndexByte(text[1:min(len(text), 5)], ':')
	if end < 0 {
		return "", ""
	}
	if tag = text[1 : 1+end]; !tags[tag] {
		if tag = strings.ToUpper(tag); !tags[tag] {
			return "", ""
		}
	}
	return tag, text[2+end:]
}

// beginsTag reports whether a line is only the first part of a tag: ":", ":8", ":86".
func beginsTag(text string) bool {
	text = strings.TrimSpace(text)
	if len(text) == 0 || len(text) > 4 || text[0] != ':' {
		return false
	}
	for tag := range tags {
		if strings.HasPrefix(tag, text[1:]) {
			return true
		}
	}
	return false
}

// isWrappedTime reports whether a line that looks like a new field continues a time of day, as in "…T13" and ":20:37
// Fo": it is within an entry's text, the line before ends with an hour, and minutes and seconds follow.
func (r *reader) isWrappedTime(text string) bool {
	f := &r.field
	if f.tag != "86" || !r.emitter.pending || len(f.lines) == 0 {
		return false
	}
	before := f.lines[len(f.lines)-1].text
	n := len(before)
	if n < 3 || !isNumberUpTo(before[n-2:], 23) || isDigit(before[n-3]) {
		return false
	}
	return len(text) >= 6 && text[0] == ':' && isNumberUpTo(text[1:3], 59) && text[3] == ':' && isNumberUpTo(text[4:6], 59) &&
		(len(text) == 6 || text[6] == ' ' || text[6] == '?' || text[6] == '.')
}

// isNumberUpTo reports whether two characters are a number up to limit.
func isNumberUpTo(text string, limit int) bool {
	return isDigit(text[0]) && isDigit(text[1]) && int(text[0]-'0')*10+int(text[1]-'0') <= limit
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isLower(b byte) bool { return 'a' <= b && b <= 'z' }

func isUpper(b byte) bool { return 'A' <= b && b <= 'Z' }

// maxPreamble is how many other lines may precede the first field.
const maxPreamble = 10

// Recognise reports whether a file that starts with head, a few kilobytes, is MT940 or MT942: one of its first lines
// begins a field, and the field's content is plausible.
func Recognise(head []byte) bool {
	head = bytes.TrimPrefix(statement.UTF8Head(head), []byte("\xEF\xBB\xBF"))
	if hasOldEnds(head[:min(len(head), headSize)]) {
		head = bytes.ReplaceAll(head, []byte(oldEnd), []byte("\n"))
	}
	preamble := 0
	for _, text := range strings.FieldsFunc(string(head), func(r rune) bool { return r == '\r' || r == '\n' }) {
		text = strings.TrimFunc(text, func(r rune) bool { return r == ' ' || isControl(r) })
		if isBlock(text) {
			if kind := messageType(text); kind != "" {
				return kind == "940" || kind == "942" || kind == "950"
			}
			if _, inside, ok := strings.Cut(text, "{4:"); ok {
				text = inside
			}
		}
		if tag, rest := cutTag(text); tag != "" && isFormatField(tag, rest) {
			return true
		}
		if text == "" {
			continue
		}
		if preamble++; preamble > maxPreamble || text[0] == '<' {
			return false
		}
	}
	return false
}

// isFormatField reports whether a field identifies the format and has a plausible content.
func isFormatField(tag, rest string) bool {
	rest = strings.TrimSpace(rest)
	switch tag {
	case "20", "25", "25P", "28", "28C":
		return rest != "" && len(rest) <= 2*35
	case "13", "13D", "61":
		return len(rest) >= 6 && strings.Trim(rest[:6], "0123456789") == ""
	case "34F", "60", "60F", "60M", "62", "62F", "62M", "64", "65":
		_, ok, why := new(decimalMark).parseBalance(rest)
		return ok || why != "" || tag == "34F" && len(rest) > 3 && isCurrency(rest[:3])
	}
	return false
}
