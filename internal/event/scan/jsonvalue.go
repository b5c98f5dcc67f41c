// JSON values of declared columns.

package scan

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"bursar/internal/column"
	"bursar/internal/project"
)

func (s *jsonScanner) column(p, i, depth int) int {
	if s.b[p] == '"' && s.plan.types[i].Kind != column.JSON {
		start := p + 1
		if end := plainEnd(s.b, start); s.b[end] == '"' { // str, without a call for the most common strings
			if !s.text(i, s.b[start:end]) {
				return -1
			}
			return end + 1
		}
		tok, end := s.str(start)
		if end < 0 || !s.text(i, tok) {
			return -1
		}
		return end
	}
	if s.plan.format == project.Parquet && s.b[p] == '"' {
		return s.inString(p, i)
	}
	return s.unquoted(p, i, depth)
}

// inString reads a json column of a Parquet row, which contains JSON as text.
func (s *jsonScanner) inString(p, i int) int {
	tok, end := s.str(p + 1)
	if end < 0 {
		return -1
	}
	if s.inner == nil {
		s.inner = newJSONScanner(s.plan)
	}
	if !s.inner.parse(&s.filler, i, tok) {
		return -1
	}
	return end
}

func (s *jsonScanner) unquoted(p, i, depth int) int {
	kind := s.plan.types[i].Kind
	first := s.b[p]
	end := s.skip(p, depth, kind == column.JSON)
	switch {
	case end < 0:
		return -1
	case first == 'n':
		if !s.null(i) {
			return -1
		}
	case kind == column.JSON:
		s.scratch = compact(s.scratch[:0], s.b[p:end])
		if t := &s.plan.targets[i]; t.bounded && len(s.scratch) > MaxKey {
			s.tooLong(i, s.scratch)
			return -1
		}
		s.block.Columns[i].AppendText(s.scratch)
	case kind == column.Bool && (first == 't' || first == 'f'):
		s.text(i, s.b[p:end])
	case isNumber(first) && (kind == column.Decimal || kind == column.Int || kind == column.BigInt):
		if !s.number(i, s.b[p:end], '.', 0) {
			return -1
		}
	case isNumber(first) && s.plan.targets[i].isEpoch():
		if !s.epoch(i, s.b[p:end]) {
			return -1
		}
	default:
		hint := ""
		if kind == column.Timestamp && isNumber(first) {
			hint = ": declare `format` epoch_s or epoch_ms if it counts since 1970"
		}
		s.refuse(i, fmt.Sprintf("%s is %s, and the type is %s%s", shorten(s.b[p:end]), kindOf(first), s.plan.types[i], hint))
		return -1
	}
	return end
}

func isNumber(first byte) bool { return first == '-' || first-'0' <= 9 }

// compact copies valid JSON without the blanks between its tokens.
func compact(dst, value []byte) []byte {
	for p := 0; p < len(value); p++ {
		switch c := value[p]; c {
		case ' ', '\t', '\r':
		case '"':
			start := p
			for p++; value[p] != '"'; p++ {
				if value[p] == '\\' {
					p++
				}
			}
			dst = append(dst, value[start:p+1]...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// plainEnd returns the first position from p on that is not plain ASCII text of a string: a quote, a backslash, a control character or a
// byte of UTF-8. It reads eight bytes at a time; a borrow can only affect bytes after one that was found.
func plainEnd(b []byte, p int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for {
		w := binary.LittleEndian.Uint64(b[p : p+8 : len(b)])
		found := (w - ones*0x20) | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones) | w
		if found &= highs; found != 0 {
			return p + bits.TrailingZeros64(found)>>3
		}
		p += 8
	}
}

// str reads and unescapes a string; p is after its opening quote. The text is valid until the next str.
func (s *jsonScanner) str(p int) ([]byte, int) {
	end := plainEnd(s.b, p)
	if s.b[end] == '"' {
		return s.b[p:end], end + 1
	}
	return s.escaped(p, end)
}

// escaped continues with a string that is not plain ASCII: b[start:p] is plain.
func (s *jsonScanner) escaped(start, p int) ([]byte, int) {
	b := s.b
	run := start
	s.scratch = s.scratch[:0]
	for {
		p = plainEnd(b, p)
		switch c := b[p]; {
		case c == '"' && run == start:
			return b[start:p], p + 1
		case c == '"':
			s.scratch = append(s.scratch, b[run:p]...)
			return s.scratch, p + 1
		case c == '\\':
			s.scratch = append(s.scratch, b[run:p]...)
			if p = s.escape(p); p < 0 {
				return nil, -1
			}
			run = p
		case c >= utf8.RuneSelf:
			if p = s.runes(p); p < 0 {
				return nil, -1
			}
		default:
			return nil, s.malformed(p, unended(c))
		}
	}
}

func unended(c byte) string {
	if c == '\n' {
		return "the string does not end"
	}
	return "a string contains a control character"
}

// runes skips characters beyond ASCII.
func (s *jsonScanner) runes(p int) int {
	for s.b[p] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(s.b[p:])
		if r == utf8.RuneError && n == 1 {
			return s.malformed(p, "the text is not valid UTF-8")
		}
		p += n
	}
	return p
}

// escape decodes the escape at p to scratch.
func (s *jsonScanner) escape(p int) int {
	c := s.b[p+1]
	if c == 'u' {
		return s.unicodeEscape(p)
	}
	plain := unescape(c)
	if plain == 0 {
		return s.malformed(p, "this escape does not exist")
	}
	s.scratch = append(s.scratch, plain)
	return p + 2
}

// unescape returns the character that a backslash and c stand for, or 0.
func unescape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

func (s *jsonScanner) unicodeEscape(p int) int {
	r := hex4(s.b, p+2)
	if r < 0 {
		return s.malformed(p, "four hexadecimal digits should follow \\u")
	}
	if r == 0 {
		return s.malformed(p, "\\u0000 is a NUL character, which SQL text cannot hold")
	}
	p += 6
	if utf16.IsSurrogate(r) {
		low := rune(-1)
		if s.b[p] == '\\' && s.b[p+1] == 'u' {
			low = hex4(s.b, p+2)
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return s.malformed(p-6, "a surrogate is not paired")
		}
		p += 6
	}
	s.scratch = utf8.AppendRune(s.scratch, r)
	return p
}

// hex4 reads four hexadecimal digits, or returns -1. A line end stops it.
func hex4(b []byte, p int) rune {
	r := rune(0)
	for _, c := range b[p:min(p+4, len(b))] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
