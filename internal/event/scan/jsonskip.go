// Skips undeclared JSON values, and checks them completely.

package scan

import (
	"fmt"
	"unicode/utf8"
)

// skip skips one value inside depth objects and checks its syntax. strict also refuses what SQL text cannot contain: NUL characters and
// unpaired surrogates.
func (s *jsonScanner) skip(p, depth int, strict bool) int {
	b := s.b
	objects, level := uint64(0), 0 // a bit for each open container: 1 is an object
	for {
		p = blanks(b, p)
		switch c := b[p]; c {
		case '{', '[':
			if depth+level >= MaxDepth {
				s.refuse(-1, fmt.Sprintf("at byte %d, objects and arrays are nested deeper than the limit of %d", p-s.start+1, MaxDepth))
				return -1
			}
			level++
			objects <<= 1
			p = blanks(b, p+1)
			if b[p] == c+2 { // } and ] are two after { and [
				level, objects, p = level-1, objects>>1, p+1
				break
			}
			if c == '{' {
				objects |= 1
				p = s.skipName(p, strict)
			}
			if p < 0 {
				return -1
			}
			continue
		default:
			p = s.skipScalar(p, strict)
		}
		if p, level, objects = s.leave(p, level, objects, strict); p < 0 || level == 0 {
			return p
		}
	}
}

// leave closes containers after a value until another value follows, and returns its position.
func (s *jsonScanner) leave(p, level int, objects uint64, strict bool) (int, int, uint64) {
	for p >= 0 && level > 0 {
		p = blanks(s.b, p)
		c, object := s.b[p], objects&1 == 1
		switch {
		case c == ',' && object:
			return s.skipName(blanks(s.b, p+1), strict), level, objects
		case c == ',':
			return p + 1, level, objects
		case c == '}' && object, c == ']' && !object:
			level, objects, p = level-1, objects>>1, p+1
		default:
			return s.malformed(p, "a comma or the end of the array or object is expected here"), level, objects
		}
	}
	return p, level, objects
}

func (s *jsonScanner) skipName(p int, strict bool) int {
	if s.b[p] != '"' {
		return s.malformed(p, "a property name is expected here")
	}
	end := s.skipString(p+1, strict)
	if end < 0 {
		return -1
	}
	if end-p-2 > MaxKey {
		s.refuse(-1, fmt.Sprintf("property name %s is %d bytes long: the limit is 4 KiB", shorten(s.b[p+1:end-1]), end-p-2))
		return -1
	}
	if end = blanks(s.b, end); s.b[end] != ':' {
		return s.malformed(end, "a colon should follow the property name")
	}
	return end + 1
}

func (s *jsonScanner) skipScalar(p int, strict bool) int {
	switch c := s.b[p]; {
	case c == '"':
		return s.skipString(p+1, strict)
	case c == 't':
		return s.literal(p, "true")
	case c == 'f':
		return s.literal(p, "false")
	case c == 'n':
		return s.literal(p, "null")
	case isNumber(c):
		return s.skipNumber(p)
	default:
		return s.malformed(p, "a value is expected here")
	}
}

func (s *jsonScanner) literal(p int, word string) int {
	if end := p + len(word); end <= len(s.b) && string(s.b[p:end]) == word {
		return end
	}
	return s.malformed(p, "a value is expected here")
}

// skipNumber skips a number of the JSON grammar. The caller checks what follows it.
func (s *jsonScanner) skipNumber(p int) int {
	b := s.b
	if b[p] == '-' {
		p++
	}
	first := p
	if p = digits(b, p); p == first {
		return s.malformed(p, "a digit is expected here")
	}
	if b[first] == '0' && p > first+1 {
		return s.malformed(first, "a number may not start with 0")
	}
	if b[p] == '.' {
		first = p + 1
		if p = digits(b, first); p == first {
			return s.malformed(p, "a digit should follow the decimal point")
		}
	}
	if b[p]|0x20 == 'e' {
		if p++; b[p] == '+' || b[p] == '-' {
			p++
		}
		first = p
		if p = digits(b, first); p == first {
			return s.malformed(p, "a digit is expected in the exponent")
		}
	}
	return p
}

func digits(b []byte, p int) int {
	for b[p]-'0' <= 9 {
		p++
	}
	return p
}

// skipString skips a string; p is after its opening quote.
func (s *jsonScanner) skipString(p int, strict bool) int {
	b := s.b
	for {
		p = plainEnd(b, p)
		switch c := b[p]; {
		case c == '"':
			return p + 1
		case c == '\\':
			p = s.skipEscape(p, strict)
		case c >= utf8.RuneSelf:
			p = s.runes(p)
		default:
			return s.malformed(p, unended(c))
		}
		if p < 0 {
			return -1
		}
	}
}

func (s *jsonScanner) skipEscape(p int, strict bool) int {
	switch {
	case strict:
		s.scratch = s.scratch[:0]
		return s.escape(p)
	case s.b[p+1] == 'u' && hex4(s.b, p+2) >= 0:
		return p + 6
	case unescape(s.b[p+1]) != 0:
		return p + 2
	default:
		return s.malformed(p, "this escape does not exist")
	}
}
