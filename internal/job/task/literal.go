// Values in SQL: each becomes a literal, and stands where SQL has a place for one.

package task

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// marker is before and after a value in a rendered text in which values are not placed yet. Neither values nor texts may contain it.
const marker = "\x00"

// nullMark stands for null between markers. Texts follow textMark there.
const (
	nullMark = "n"
	textMark = "t"
)

// mark puts a value between markers. Templates of SQL and of addresses call it for everything that they print.
func mark(value any) (string, error) {
	if value == nil {
		return marker + nullMark + marker, nil
	}
	s := fmt.Sprint(value)
	switch {
	case strings.Contains(s, marker):
		return "", errors.New("a value contains a NUL character, which has no place here")
	case !utf8.ValidString(s):
		return "", errors.New("a value is not valid UTF-8")
	}
	return marker + textMark + s + marker, nil
}

// literal writes a text as a literal that DuckDB and PostgreSQL read alike. If it has a backslash, which some servers take for an escape in
// plain literals, the literal has the form in which it is one everywhere.
func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if !strings.Contains(s, `\`) {
		return quoted
	}
	return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
}

// placeError is the error of a value, or of what is around it, that would be read as something else.
type placeError struct{ message string }

func (e *placeError) Error() string { return e.message }

func misplaced(message string) error { return &placeError{message} }

var (
	errQuoted = misplaced("a value is inside quotes or a comment: write {{.name}} without quotes, it becomes a quoted text by itself; " +
		"to put it together with other text write 'text' || {{.name}}")
	errAdjacent  = misplaced("a value is directly beside a name or a text, which would change how it is read: put a space or an operator, as in ||, between them")
	errBackslash = misplaced(`a backslash is before a quote, which servers read differently: write '' for a quote in a text, or E'\\' for a backslash at its end`)
)

// placer replaces marked values with literals.
type placer struct {
	in  string
	at  int
	out strings.Builder

	text  bool // nothing but white space and comments is after the last literal
	value bool // which is a value
}

// place replaces the marked values of a statement with literals. It fails if one is inside quotes or a comment, or would be read together
// with what is beside it, so that a value is always a text and nothing else.
func place(marked string) (string, error) {
	p := &placer{in: marked}
	for p.at < len(p.in) {
		if err := p.next(); err != nil {
			return "", err
		}
	}
	return p.out.String(), nil
}

func (p *placer) next() error {
	switch c := p.in[p.at]; {
	case c == marker[0]:
		return p.putValue()
	case c == '\'':
		return p.putText()
	case c == '"':
		return p.put(p.quoted('"'), true)
	case p.starts("--"):
		return p.put(p.until("\n", 0), false)
	case p.starts("/*"):
		return p.put(p.comment(), false)
	case c == '$' && !p.afterName() && p.dollarTag() != "":
		tag := p.dollarTag()
		return p.put(p.until(tag, len(tag)), true)
	case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		return p.put(p.at+1, false)
	default:
		return p.put(p.at+1, true)
	}
}

func (p *placer) starts(s string) bool { return strings.HasPrefix(p.in[p.at:], s) }

// put copies the statement up to an end. Something that is neither white space nor a comment separates texts.
func (p *placer) put(end int, separates bool) error {
	part := p.in[p.at:end]
	if strings.Contains(part, marker) {
		return errQuoted
	}
	p.out.WriteString(part)
	p.at = end
	if separates {
		p.text, p.value = false, false
	}
	return nil
}

func (p *placer) putValue() error {
	if p.text || p.afterName() || p.after('&') {
		return errAdjacent
	}
	value, _, _ := strings.Cut(p.in[p.at+1:], marker)
	p.at += len(value) + 2
	if p.at < len(p.in) && isNameByte(p.in[p.at]) {
		return errAdjacent
	}
	if value == nullMark {
		p.out.WriteString("NULL")
	} else {
		p.out.WriteString(literal(value[len(textMark):]))
	}
	p.text, p.value = true, true
	return nil
}

// putText copies a text of the statement itself.
func (p *placer) putText() error {
	if p.value {
		return errAdjacent
	}
	escapes := p.afterEscapePrefix()
	end := p.at + 1
	for end < len(p.in) {
		switch {
		case p.in[end] == '\\' && escapes:
			end++
		case strings.HasPrefix(p.in[end:], `\'`):
			return errBackslash
		case strings.HasPrefix(p.in[end:], "''"):
			end++
		case p.in[end] == '\'':
			err := p.put(end+1, true)
			p.text = true
			return err
		}
		end++
	}
	return p.put(len(p.in), true)
}

// after reports whether the byte before is c.
func (p *placer) after(c byte) bool { return p.at > 0 && p.in[p.at-1] == c }

// afterName reports whether the byte before may belong to a name or a number.
func (p *placer) afterName() bool { return p.at > 0 && isNameByte(p.in[p.at-1]) }

// afterEscapePrefix reports whether the E of an escape text is before.
func (p *placer) afterEscapePrefix() bool {
	return (p.after('e') || p.after('E')) && (p.at < 2 || !isNameByte(p.in[p.at-2]))
}

func isNameByte(c byte) bool {
	return c == '_' || c == '$' || c == '"' || c >= utf8.RuneSelf || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// quoted returns the end of a name in quotes.
func (p *placer) quoted(quote byte) int {
	for end := p.at + 1; end < len(p.in); end++ {
		if p.in[end] == quote {
			if end+1 == len(p.in) || p.in[end+1] != quote {
				return end + 1
			}
			end++
		}
	}
	return len(p.in)
}

// until returns the end of what follows an opening of some bytes, behind the next s.
func (p *placer) until(s string, opening int) int {
	i := strings.Index(p.in[p.at+opening:], s)
	if i < 0 {
		return len(p.in)
	}
	return p.at + opening + i + len(s)
}

// comment returns the end of a comment, which may contain others.
func (p *placer) comment() int {
	depth := 0
	for end := p.at; end < len(p.in); end++ {
		switch {
		case strings.HasPrefix(p.in[end:], "/*"):
			depth++
			end++
		case strings.HasPrefix(p.in[end:], "*/"):
			depth--
			end++
			if depth == 0 {
				return end + 1
			}
		}
	}
	return len(p.in)
}

// dollarTag returns the opening of a text in dollar quotes, as in $$ and $body$, or nothing.
func (p *placer) dollarTag() string {
	rest := p.in[p.at+1:]
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == '$':
			return p.in[p.at : p.at+i+2]
		case !isNameByte(c) || c == '"' || i == 0 && '0' <= c && c <= '9':
			return ""
		}
	}
	return ""
}
