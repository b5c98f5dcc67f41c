// Declared formats of dates and timestamps: strptime directives compiled to small steps.

package column

import (
	"fmt"
	"strings"
)

// Layout is a compiled format. Numbers take as many digits as their directive says; months, days and times that
// stand between literals may drop their leading zero, as strptime allows.
type Layout struct {
	Format string
	Steps  []LayoutStep
}

// LayoutStep is one directive, or one literal byte when Verb is 0.
type LayoutStep struct {
	Verb    byte
	Literal byte
	Short   bool // one digit is enough: nothing beside it could be taken for the other
}

// layoutParts says what each directive gives, so that no part is given twice.
var layoutParts = map[byte]string{
	'Y': "year", 'y': "year", 'm': "month", 'b': "month", 'd': "day",
	'H': "hour", 'M': "minute", 'S': "second", 'f': "fraction", 'z': "zone",
}

// CompileLayout checks a strptime format: %Y %y %m %b %d %H %M %S %f %z %% and literals. It must give a
// whole date, and no time of day for a date column.
func CompileLayout(format string, kind Kind) (*Layout, error) {
	if kind != Date && kind != Timestamp {
		return nil, fmt.Errorf("format %q: only dates and timestamps have one", format)
	}
	l := &Layout{Format: format}
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
		return fmt.Errorf("format %q gives a time of day, which a date has not", l.Format)
	}
	for _, pair := range [][2]string{{"fraction", "second"}, {"second", "minute"}, {"minute", "hour"}} {
		if given[pair[0]] && !given[pair[1]] {
			return fmt.Errorf("format %q gives the %s and no %s", l.Format, pair[0], pair[1])
		}
	}
	for i := range l.Steps {
		l.Steps[i].Short = strings.IndexByte("mdHMS", l.Steps[i].Verb) >= 0 && l.delimited(i-1) && l.delimited(i+1)
	}
	return nil
}

// delimited reports whether step i, if there is one, is a literal that cannot be taken for a digit.
func (l *Layout) delimited(i int) bool {
	return i < 0 || i == len(l.Steps) || l.Steps[i].Verb == 0 && l.Steps[i].Literal-'0' > 9
}
