// Tokens of SQL, as DuckDB's parser reads it, which has PostgreSQL's scanner.

package wire

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	word      tokenKind = iota // a name or a keyword without quotes
	quoted                     // a name in double quotes
	literal                    // a text, of any notation
	number                     //
	parameter                  // $1
	symbol                     // an operator, or one other character
)

// token is a part of a statement, without the blanks and comments around it.
type token struct {
	kind tokenKind
	text string // as it is written
	at   int    // the byte where it starts
}

func (t token) end() int { return t.at + len(t.text) }

// is reports whether the token is this symbol, or this word, given in lower case.
func (t token) is(text string) bool {
	return t.kind == symbol && t.text == text || t.kind == word && strings.EqualFold(t.text, text)
}

// name returns the name that the token stands for, in lower case; "" if it is no name.
func (t token) name() string {
	switch t.kind {
	case word:
		return strings.ToLower(t.text)
	case quoted:
		return strings.ToLower(strings.ReplaceAll(strings.Trim(t.text, `"`), `""`, `"`))
	}
	return ""
}

// scan splits SQL into tokens. What is not closed extends to the end, and what is not valid is a symbol: the database reports it.
func scan(sql string) (tokens []token) {
	for at := 0; at < len(sql); {
		if n := blank(sql[at:]); n > 0 {
			at += n
			continue
		}
		kind, n := next(sql[at:])
		tokens = append(tokens, token{kind, sql[at : at+n], at})
		at += n
	}
	return tokens
}

// blank returns the length of the blank or comment at the beginning.
func blank(s string) int {
	switch {
	case strings.IndexByte(" \t\n\r\f\v", s[0]) >= 0:
		return 1
	case strings.HasPrefix(s, "--"):
		if end := strings.IndexAny(s, "\n\r"); end >= 0 {
			return end
		}
		return len(s)
	case strings.HasPrefix(s, "/*"):
		return comment(s)
	}
	if n := blankRune(s); n > 0 {
		return n
	}
	return 0
}

// blankRune returns the length of the Unicode blank at the beginning, which DuckDB takes for a blank, too.
func blankRune(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == '\u00a0', r >= '\u2000' && r <= '\u200d', r == '\u202f', r == '\u205f', r == '\u3000', r == '\ufeff':
		return n
	}
	return 0
}

// comment returns the length of a comment, which may contain others.
func comment(s string) int {
	depth := 0
	for at := 0; at < len(s); at++ {
		switch {
		case strings.HasPrefix(s[at:], "/*"):
			depth++
			at++
		case strings.HasPrefix(s[at:], "*/"):
			depth--
			at++
			if depth == 0 {
				return at + 1
			}
		}
	}
	return len(s)
}

// next returns the kind and the length of the token at the beginning.
func next(s string) (tokenKind, int) {
	c := s[0]
	switch {
	case c == '\'':
		return literal, closed(s, 1, '\'', false)
	case c == '"':
		return quoted, closed(s, 1, '"', false)
	case c == '$':
		return dollar(s)
	case len(s) > 1 && s[1] == '\'' && strings.IndexByte("eE", c) >= 0:
		return literal, closed(s, 2, '\'', true)
	case len(s) > 1 && s[1] == '\'' && strings.IndexByte("xXbBnN", c) >= 0:
		return literal, closed(s, 2, '\'', false)
	case beginsName(s):
		return word, nameLength(s)
	case isDigit(c), c == '.' && len(s) > 1 && isDigit(s[1]):
		return number, len(numberPattern.FindString(s))
	case strings.HasPrefix(s, "::"):
		return symbol, 2
	}
	_, n := utf8.DecodeRuneInString(s)
	return symbol, n
}

// closed returns the length of what is in quotes; two quotes are one within it.
func closed(s string, from int, quote byte, escapes bool) int {
	for at := from; at < len(s); at++ {
		switch {
		case escapes && s[at] == '\\':
			at++
		case s[at] != quote:
		case at+1 < len(s) && s[at+1] == quote:
			at++
		default:
			return at + 1
		}
	}
	return len(s)
}

// dollar reads what begins with a dollar: a parameter, or a text in dollar quotes.
func dollar(s string) (tokenKind, int) {
	if len(s) > 1 && isDigit(s[1]) {
		n := 1
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		return parameter, n
	}
	n := 1
	if n < len(s) && beginsName(s[n:]) {
		for n < len(s) && s[n] != '$' && isNamePart(s[n]) {
			n++
		}
	}
	if n >= len(s) || s[n] != '$' {
		return symbol, 1
	}
	tag := s[:n+1]
	if end := strings.Index(s[len(tag):], tag); end >= 0 {
		return literal, 2*len(tag) + end
	}
	return literal, len(s)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func beginsName(s string) bool {
	c := s[0]
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf && blankRune(s) == 0
}

func isNamePart(c byte) bool {
	return c == '_' || c == '$' || isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf
}

func nameLength(s string) int {
	n := 0
	for n < len(s) && isNamePart(s[n]) && blankRune(s[n:]) == 0 {
		n++
	}
	return n
}

var numberPattern = regexp.MustCompile(`^(?:0[xX][0-9a-fA-F_]+|[0-9._]+(?:[eE][+-]?[0-9]+)?)`)

// split returns the statements of a text, each with the byte where it starts, without those that are empty.
func split(sql string) (statements []statementText) {
	var tokens []token
	flush := func(end int) {
		if len(tokens) > 0 {
			begin := tokens[0].at
			statements = append(statements, statementText{sql: sql[begin:end], at: begin, tokens: shift(tokens, begin)})
		}
		tokens = nil
	}
	for _, t := range scan(sql) {
		if t.is(";") {
			flush(t.at)
			continue
		}
		tokens = append(tokens, t)
	}
	flush(len(sql))
	return statements
}

// statementText is one statement of a text.
type statementText struct {
	sql    string
	at     int // the byte where it starts
	tokens []token
}

// shift returns the tokens of a text that begins at a byte.
func shift(tokens []token, begin int) []token {
	shifted := make([]token, len(tokens))
	for i, t := range tokens {
		shifted[i] = token{t.kind, t.text, t.at - begin}
	}
	return shifted
}

// edit is a replacement of a part of a text.
type edit struct {
	from, to int
	text     string
}

// origin returns the byte of a text that was at a byte after edits of it; the beginning of what was replaced, for a byte in what replaces it.
func origin(edits []edit, at int) int {
	for _, e := range edits {
		switch longer := len(e.text) - (e.to - e.from); {
		case at < e.from:
			return at
		case at < e.from+len(e.text):
			return e.from
		default:
			at -= longer
		}
	}
	return at
}

// apply makes the replacements, which are in order and do not overlap.
func apply(sql string, edits []edit) string {
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(sql[at:e.from])
		b.WriteString(e.text)
		at = e.to
	}
	b.WriteString(sql[at:])
	return b.String()
}
