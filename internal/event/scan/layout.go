// Declared date formats: strptime directives compiled to small steps.

package scan

import (
	"fmt"
	"strings"

	"bursar/internal/column"
)

// layout is a compiled format. Numbers take as many digits as their directive says; months, days and times that
// stand between literals may drop their leading zero, as strptime allows.
type layout struct {
	format string
	steps  []step
}

// step is one directive, or one literal byte when verb is 0.
type step struct {
	verb    byte
	literal byte
	short   bool // one digit is enough: nothing beside it could be taken for the other
}

const months = "janfebmaraprmayjunjulaugsepoctnovdec"

// parts says what each directive gives, so that no part is given twice.
var parts = map[byte]string{
	'Y': "year", 'y': "year", 'm': "month", 'b': "month", 'd': "day",
	'H': "hour", 'M': "minute", 'S': "second", 'f': "fraction", 'z': "zone",
}

// compileLayout checks a strptime format: %Y %y %m %b %d %H %M %S %f %z %% and literals. It must give a
// whole date, and no time of day for a date column.
func compileLayout(format string, kind column.Kind) (*layout, error) {
	if kind != column.Date && kind != column.Timestamp {
		return nil, fmt.Errorf("format %q: only dates and timestamps have one", format)
	}
	l := &layout{format: format}
	given := map[string]bool{}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			l.steps = append(l.steps, step{literal: format[i]})
			continue
		}
		i++
		if i == len(format) {
			return nil, fmt.Errorf("format %q ends with %%", format)
		}
		verb := format[i]
		if verb == '%' {
			l.steps = append(l.steps, step{literal: '%'})
			continue
		}
		part, ok := parts[verb]
		if !ok {
			return nil, fmt.Errorf("format %q: %%%c is not known; use %%Y %%y %%m %%b %%d %%H %%M %%S %%f %%z", format, verb)
		}
		if given[part] {
			return nil, fmt.Errorf("format %q gives the %s twice", format, part)
		}
		given[part] = true
		l.steps = append(l.steps, step{verb: verb})
	}
	err := l.complete(given, kind)
	return l, err
}

func (l *layout) complete(given map[string]bool, kind column.Kind) error {
	for _, part := range []string{"year", "month", "day"} {
		if !given[part] {
			return fmt.Errorf("format %q gives no %s", l.format, part)
		}
	}
	if kind == column.Date && len(given) > 3 {
		return fmt.Errorf("format %q gives a time of day, which a date has not", l.format)
	}
	for _, pair := range [][2]string{{"fraction", "second"}, {"second", "minute"}, {"minute", "hour"}} {
		if given[pair[0]] && !given[pair[1]] {
			return fmt.Errorf("format %q gives the %s and no %s", l.format, pair[0], pair[1])
		}
	}
	for i := range l.steps {
		l.steps[i].short = strings.IndexByte("mdHMS", l.steps[i].verb) >= 0 && l.fenced(i-1) && l.fenced(i+1)
	}
	return nil
}

// fenced reports whether step i, if there is one, is a literal that cannot be taken for a digit.
func (l *layout) fenced(i int) bool {
	return i < 0 || i == len(l.steps) || l.steps[i].verb == 0 && l.steps[i].literal-'0' > 9
}

// parse reads a text that follows the format from end to end.
func (l *layout) parse(m *moment, b []byte) string {
	for i := range l.steps {
		s := &l.steps[i]
		if s.verb == 0 {
			if len(b) == 0 || b[0] != s.literal {
				return l.mismatch()
			}
			b = b[1:]
			continue
		}
		n, reason := m.take(s, b)
		if reason != "" {
			return reason
		}
		if n == 0 {
			return l.mismatch()
		}
		b = b[n:]
	}
	if len(b) > 0 {
		return l.mismatch()
	}
	if reason := m.checkDate(); reason != "" {
		return reason
	}
	return m.checkTime()
}

func (l *layout) mismatch() string { return "it is not written " + l.format }

// take reads one directive and says how many bytes it was; 0 is a mismatch.
func (m *moment) take(s *step, b []byte) (n int, reason string) {
	var value int
	switch s.verb {
	case 'Y':
		m.year, n = number(b, 4, 4)
	case 'y':
		if value, n = number(b, 2, 2); value < 69 {
			value += 100
		}
		m.year = 1900 + value
	case 'm':
		m.month, n = number(b, s.least(), 2)
	case 'b':
		m.month, n = monthName(b)
	case 'd':
		m.day, n = number(b, s.least(), 2)
	case 'H':
		m.hour, n = number(b, s.least(), 2)
	case 'M':
		m.minute, n = number(b, s.least(), 2)
	case 'S':
		m.sec, n = number(b, s.least(), 2)
	case 'f':
		return m.fraction(b)
	case 'z':
		if n, reason = m.zoneOffset(b); reason == notISOTime {
			return 0, ""
		}
	}
	return n, reason
}

func (s *step) least() int {
	if s.short {
		return 1
	}
	return 2
}

// number reads between least and most digits; n is 0 when there are too few.
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

// monthName reads an English month's first three letters in any case.
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
