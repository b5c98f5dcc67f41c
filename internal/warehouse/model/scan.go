// The tokens of an SQL text that matter for parameters and for the end of the statement.

package model

import (
	"strings"
)

// tokenKind is what a token is.
type tokenKind uint8

const (
	other     tokenKind = iota // a word, a number, an operator
	quoted                     // a text or a quoted name
	parameter                  // :name
	semicolon
)

// token is a part of a text.
type token struct {
	kind     tokenKind
	from, to int
}

// scan returns the tokens of a text, without blanks and comments. What is not closed ends with the text: the database reports it.
func scan(sql string) (tokens []token) {
	for at := 0; at < len(sql); {
		kind, to := next(sql, at)
		if to < 0 {
			at = -to
			continue
		}
		tokens = append(tokens, token{kind, at, to})
		at = to
	}
	return tokens
}

// next returns the token at a place and its end; the end is negative if it is a blank or a comment.
func next(sql string, at int) (kind tokenKind, to int) {
	rest := sql[at:]
	switch c := rest[0]; {
	case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		return other, -(at + 1)
	case strings.HasPrefix(rest, "--"):
		return other, -end(sql, at, "\n")
	case strings.HasPrefix(rest, "/*"):
		return other, -endOfComment(sql, at)
	case c == '\'', c == '"':
		return quoted, endOfQuoted(sql, at, false)
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"): // an escape string of PostgreSQL
		return quoted, endOfQuoted(sql, at+1, true)
	case c == '$':
		return endOfDollar(sql, at)
	case c == ';':
		return semicolon, at + 1
	case c == ':':
		return endOfColon(sql, at)
	case isWord(c):
		return other, endOfWord(sql, at)
	}
	return other, at + 1
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

func endOfWord(sql string, at int) int {
	for at < len(sql) && (isWord(sql[at]) || sql[at] == '$') {
		at++
	}
	return at
}

// end returns the place after the next stop, or the end of the text.
func end(sql string, at int, stop string) int {
	if i := strings.Index(sql[at:], stop); i >= 0 {
		return at + i + len(stop)
	}
	return len(sql)
}

// endOfComment returns the end of a comment, in which others may be nested.
func endOfComment(sql string, at int) int {
	for depth := 0; at < len(sql); {
		switch {
		case strings.HasPrefix(sql[at:], "/*"):
			depth, at = depth+1, at+2
		case strings.HasPrefix(sql[at:], "*/"):
			if depth, at = depth-1, at+2; depth == 0 {
				return at
			}
		default:
			at++
		}
	}
	return at
}

// endOfQuoted returns the end of a text or name, in which two quotes stand for one. In an escape string a backslash is before any character.
func endOfQuoted(sql string, at int, escapes bool) int {
	quote := sql[at]
	for at++; at < len(sql); at++ {
		switch {
		case sql[at] == '\\' && escapes:
			at++
		case sql[at] != quote:
		case at+1 < len(sql) && sql[at+1] == quote:
			at++
		default:
			return at + 1
		}
	}
	return len(sql)
}

// endOfDollar returns the end of a text such as $tag$…$tag$, or of the $ alone.
func endOfDollar(sql string, at int) (tokenKind, int) {
	tag := at + 1
	for tag < len(sql) && isWord(sql[tag]) {
		tag++
	}
	if tag == len(sql) || sql[tag] != '$' {
		return other, at + 1
	}
	return quoted, end(sql, tag+1, sql[at:tag+1])
}

// endOfColon tells parameters from casts, slices and the keys of structs: a parameter's colon follows neither a name, a number, a text nor a
// bracket.
func endOfColon(sql string, at int) (tokenKind, int) {
	rest := sql[at+1:]
	if strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "=") {
		return other, at + 2
	}
	follows := at > 0 && (isWord(sql[at-1]) || strings.IndexByte(`"')]}$`, sql[at-1]) >= 0)
	if follows || rest == "" || !isWord(rest[0]) || rest[0] >= '0' && rest[0] <= '9' {
		return other, at + 1
	}
	return parameter, endOfWord(sql, at+1)
}

// lineOf returns the line of a place, from 1.
func lineOf(sql string, at int) int { return 1 + strings.Count(sql[:at], "\n") }
