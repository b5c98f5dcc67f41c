// Parses texts in a declared date format.

package scan

import "bursar/internal/column"

// DateOf returns the date of a text in a layout as 2006-01-02, ignoring the time of day. Without a layout the text must be ISO 8601, as in
// streams. The reason says why there is no date.
func DateOf(l *column.Layout, text string) (date, reason string) {
	var m moment
	tok := []byte(text)
	switch {
	case l != nil:
		reason = m.follow(l, tok)
	case len(tok) == len("2006-01-02"):
		reason = m.isoDate(tok)
	default:
		reason = m.isoTimestamp(tok)
	}
	if reason != "" {
		return "", reason
	}
	var b [len("2006-01-02")]byte
	for i, n := len(b)-1, m.year*10000+m.month*100+m.day; i >= 0; i-- {
		if i == len("2006") || i == len("2006-01") {
			b[i] = '-'
			continue
		}
		b[i], n = byte('0'+n%10), n/10
	}
	return string(b[:]), ""
}

const months = "janfebmaraprmayjunjulaugsepoctnovdec"

func (m *moment) follow(l *column.Layout, b []byte) string {
	for i := range l.Steps {
		s := &l.Steps[i]
		if s.Verb == 0 {
			if len(b) == 0 || b[0] != s.Literal {
				return mismatch(l)
			}
			b = b[1:]
			continue
		}
		n, reason := m.parseStep(s, b)
		if reason != "" {
			return reason
		}
		if n == 0 {
			return mismatch(l)
		}
		b = b[n:]
	}
	if len(b) > 0 {
		return mismatch(l)
	}
	if reason := m.checkDate(); reason != "" {
		return reason
	}
	return m.checkTime()
}

func mismatch(l *column.Layout) string { return NotWritten + " " + l.Format }

// parseStep parses one directive and returns the number of bytes; 0 is a mismatch.
func (m *moment) parseStep(s *column.LayoutStep, b []byte) (n int, reason string) {
	var value int
	switch s.Verb {
	case 'Y':
		m.year, n = number(b, 4, 4)
	case 'y':
		if value, n = number(b, 2, 2); value < 69 {
			value += 100
		}
		m.year = 1900 + value
	case 'm':
		m.month, n = number(b, least(s), 2)
	case 'b':
		m.month, n = monthName(b)
	case 'd':
		m.day, n = number(b, least(s), 2)
	case 'H':
		m.hour, n = number(b, least(s), 2)
	case 'M':
		m.minute, n = number(b, least(s), 2)
	case 'S':
		m.sec, n = number(b, least(s), 2)
	case 'f':
		return m.fraction(b)
	case 'z':
		if n, reason = m.zoneOffset(b); reason == notISOTime {
			return 0, ""
		}
	}
	return n, reason
}

func least(s *column.LayoutStep) int {
	if s.Short {
		return 1
	}
	return 2
}

// number parses between least and most digits; n is 0 if there are too few.
func number(b []byte, least, most int) (value, n int) {
	for n < most && n < len(b) && b[n]-'0' <= 9 {
		value = value*10 + int(b[n]-'0')
		n++
	}
	if n < least {
		return 0, 0
	}
	return value, n
}

// monthName parses the first three letters of an English month, in any case.
func monthName(b []byte) (month, n int) {
	if len(b) < 3 {
		return 0, 0
	}
	for i := 0; i < len(months); i += 3 {
		if b[0]|0x20 == months[i] && b[1]|0x20 == months[i+1] && b[2]|0x20 == months[i+2] {
			return i/3 + 1, 3
		}
	}
	return 0, 0
}
