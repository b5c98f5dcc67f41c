// Splits a statement into tokens, as PostgreSQL does.

package pgask

import (
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	word      kind = iota + 1 // a keyword or a name without quotes, in lower case
	quoted                    // a name in quotes
	literal                   // a text, without its characters
	parameter                 // $1
	sign                      // any other character
)

type token struct {
	kind kind
	text string
	at   int // where it begins, in bytes
}

func (t token) is(one string) bool      { return t.kind == sign && t.text == one }
func (t token) isWord(one string) bool  { return t.kind == word && t.text == one }
func (t token) isName() bool            { return t.kind == word || t.kind == quoted }
func (s *scanner) starts(p string) bool { return strings.HasPrefix(s.sql[s.at:], p) }

// scanner is at a byte of a statement.
type scanner struct {
	sql  string
	at   int
	list []token
}

// tokens returns the tokens of a statement. Forms that servers read differently are refused.
func tokens(sql string) ([]token, error) {
	if !utf8.ValidString(sql) || strings.Contains(sql, "\x00") {
		return nil, refuse("", 0, "it is not valid UTF-8 text")
	}
	s := &scanner{sql: sql}
	for s.at < len(sql) {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	return s.list, nil
}

func (s *scanner) next() error {
	begin := s.at
	switch c := s.sql[s.at]; {
	case strings.IndexByte(" \t\n\r\f\v", c) >= 0:
		s.at++
	case s.starts("--"):
		s.skipLine()
	case s.starts("/*"):
		return s.skipComment()
	case c == '\'':
		return s.text(false)
	case c == '"':
		return s.quotedName()
	case c == '$':
		return s.dollar()
	case beginsName(c):
		for s.at < len(s.sql) && continuesName(s.sql[s.at]) {
			s.at++
		}
		name := s.sql[begin:s.at]
		switch isEscape := strings.EqualFold(name, "e"); {
		case isEscape && s.starts("'"):
			return s.text(true)
		case strings.EqualFold(name, "u") && s.starts(`&"`):
			return refuse(s.sql, begin, `a name of the form U&"…" is refused: write its characters`)
		}
		s.add(word, lower(name), begin)
	default:
		s.at++
		s.add(sign, s.sql[begin:s.at], begin)
	}
	return nil
}

func (s *scanner) add(k kind, text string, at int) { s.list = append(s.list, token{k, text, at}) }

func beginsName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func continuesName(c byte) bool { return beginsName(c) || c >= '0' && c <= '9' || c == '$' }

// lower folds the letters that every server folds.
func lower(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

func (s *scanner) skipLine() {
	if end := strings.IndexAny(s.sql[s.at:], "\n\r"); end >= 0 {
		s.at += end
		return
	}
	s.at = len(s.sql)
}

// skipComment skips a comment, which may have others within it.
func (s *scanner) skipComment() error {
	begin := s.at
	for depth := 0; ; s.at++ {
		switch {
		case s.at >= len(s.sql):
			return refuse(s.sql, begin, "the comment does not end")
		case s.starts("/*"):
			depth++
			s.at++
		case s.starts("*/"):
			s.at++
			if depth--; depth == 0 {
				s.at++
				return nil
			}
		}
	}
}

// text reads a text in single quotes. In the form E'…' a backslash escapes what follows it; in others that depends on the server.
func (s *scanner) text(escapes bool) error {
	begin := s.at
	for s.at++; s.at < len(s.sql); s.at++ {
		switch {
		case s.sql[s.at] == '\\' && escapes:
			s.at++
		case s.starts(`\'`):
			return refuse(s.sql, s.at, `a backslash before a quote is refused, as servers read it differently: write '' for a quote in a text, or E'\\' for a backslash at its end`)
		case s.starts("''"):
			s.at++
		case s.sql[s.at] == '\'':
			s.at++
			s.add(literal, "", begin)
			return nil
		}
	}
	s.at = len(s.sql)
	return refuse(s.sql, begin, "the text does not end: a quote is missing")
}

func (s *scanner) quotedName() error {
	begin := s.at
	for s.at++; s.at < len(s.sql); s.at++ {
		switch {
		case s.starts(`""`):
			s.at++
		case s.sql[s.at] == '"':
			s.at++
			s.add(quoted, strings.ReplaceAll(s.sql[begin+1:s.at-1], `""`, `"`), begin)
			return nil
		}
	}
	return refuse(s.sql, begin, "the name does not end: a double quote is missing")
}

// dollar reads a parameter, or a text between two equal tags.
func (s *scanner) dollar() error {
	begin := s.at
	end := begin + 1
	if end < len(s.sql) && s.sql[end] >= '0' && s.sql[end] <= '9' {
		s.at = end
		s.add(parameter, "$", begin)
		return nil
	}
	for end < len(s.sql) && s.sql[end] != '$' && continuesName(s.sql[end]) {
		end++
	}
	if end == len(s.sql) || s.sql[end] != '$' {
		s.at++
		s.add(sign, "$", begin)
		return nil
	}
	tag := s.sql[begin : end+1]
	length := strings.Index(s.sql[end+1:], tag)
	if length < 0 {
		return refuse(s.sql, begin, "the text does not end: %s is missing", tag)
	}
	s.at = end + 1 + length + len(tag)
	s.add(literal, "", begin)
	return nil
}
