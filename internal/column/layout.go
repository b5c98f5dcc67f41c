// Declared formats of dates and timestamps: strptime directives compiled to steps.

package column

import (
	"fmt"
	"strings"
)

// Layout is a compiled format. Numbers have as many digits as their directive allows; months, days and times between literals may
// omit their leading zero, as strptime allows. An epoch time has no steps.
type Layout struct {
	Format string
	Steps  []LayoutStep
	Epoch  int // of an epoch time: decimals of its unit down to microseconds; else 0
}

// epochDecimals are the formats of epoch times, which count the seconds or milliseconds since 1970 in UTC.
var epochDecimals = map[string]int{"epoch_s": 6, "epoch_ms": 3}

// IsEpoch reports whether a format is that of an epoch time.
func IsEpoch(format string) bool { return epochDecimals[format] > 0 }

// LayoutStep is one directive, or one literal byte when Verb is 0.
type LayoutStep struct {
	Verb    byte
	Literal byte
	Short   bool // one digit is enough: it is not adjacent to another digit
}

// layoutParts maps each directive to the part that it sets, so that no part is set twice.
var layoutParts = map[byte]string{
	'Y': "year", 'y': "year", 'm': "month", 'b': "month", 'd': "day",
	'H': "hour", 'M': "minute", 'S': "second", 'f': "fraction", 'z': "zone",
}

// CompileLayout compiles a strptime format: %Y %y %m %b %d %H %M %S %f %z %% and literals, or that of an epoch time. It must contain
// a complete date, and no time of day for a date column.
func CompileLayout(format string, kind Kind) (*Layout, error) {
	if kind != Date && kind != Timestamp {
		return nil, fmt.Errorf("format %q: only dates and timestamps have one", format)
	}
	if IsEpoch(format) && kind == Date {
		return nil, fmt.Errorf("format %q gives a time of day, but the column is a date: declare it as a timestamp, and take the day of it where it is needed", format)
	}
	l := &Layout{Format: format, Epoch: epochDecimals[format]}
	if l.Epoch > 0 {
		return l, nil
	}
	given := map[string]bool{}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			l.Steps = append(l.Steps, LayoutStep{Literal: format[i]})
			continue
		}
		i++
		if i == len(format) {
			return nil, fmt.Errorf("format %q ends with %%", format)
		}
		verb := format[i]
		if verb == '%' {
			l.Steps = append(l.Steps, LayoutStep{Literal: '%'})
			continue
		}
		part, ok := layoutParts[verb]
		if !ok {
			return nil, fmt.Errorf("format %q: %%%c is not known; use %%Y %%y %%m %%b %%d %%H %%M %%S %%f %%z", format, verb)
		}
		if given[part] {
			return nil, fmt.Errorf("format %q gives the %s twice", format, part)
		}
		given[part] = true
		l.Steps = append(l.Steps, LayoutStep{Verb: verb})
	}
	if err := l.checkParts(given, kind); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Layout) checkParts(given map[string]bool, kind Kind) error {
	for _, part := range []string{"year", "month", "day"} {
		if !given[part] {
			return fmt.Errorf("format %q gives no %s", l.Format, part)
		}
	}
	if kind == Date && len(given) > 3 {
		return fmt.Errorf("format %q gives a time of day, but the column is a date", l.Format)
	}
	for _, pair := range [][2]string{{"fraction", "second"}, {"second", "minute"}, {"minute", "hour"}} {
		if given[pair[0]] && !given[pair[1]] {
			return fmt.Errorf("format %q gives the %s but no %s", l.Format, pair[0], pair[1])
		}
	}
	for i := range l.Steps {
		l.Steps[i].Short = strings.IndexByte("mdHMS", l.Steps[i].Verb) >= 0 && l.delimited(i-1) && l.delimited(i+1)
	}
	return nil
}

// delimited reports whether step i, if it exists, is a literal other than a digit.
func (l *Layout) delimited(i int) bool {
	return i < 0 || i == len(l.Steps) || l.Steps[i].Verb == 0 && l.Steps[i].Literal-'0' > 9
}
