// Checks cron expressions field by field: the cron library accepts some that it never matches, or only at some times of the day.

package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is one of the five fields of a cron expression.
type field struct {
	name        string
	least, most int
	names       []string // of the values from first on
	first       int
	special     func(f field, element string) (is bool, err error) // elements that only this field has; nil: none
}

var cronFields = []field{
	{name: "minute", most: 59},
	{name: "hour", most: 23},
	{name: "day of the month", least: 1, most: 31, special: lastOrNearest},
	{
		name: "month", least: 1, most: 12, first: 1,
		names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"},
	},
	{name: "day of the week", most: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, special: lastOrNth},
}

// sunday is the other number of the first day of the week.
const sunday = 7

// checkCron returns why an expression of five fields is not valid.
func checkCron(fields []string) error {
	for i, text := range fields {
		elements := strings.Split(strings.ToUpper(text), ",")
		for _, element := range elements {
			if len(elements) > 1 && (element == "*" || element == "?") {
				return fmt.Errorf("%s %q has * in a list, which includes all the others: write * alone, or the list without it", cronFields[i].name, text)
			}
			if err := cronFields[i].check(element); err != nil {
				return err
			}
		}
	}
	return nil
}

// check checks one element of a list.
func (f field) check(element string) error {
	if element == "*" || element == "?" {
		return nil
	}
	if f.special != nil {
		if is, err := f.special(f, element); is || err != nil {
			return err
		}
	}
	values, step, hasStep := strings.Cut(element, "/")
	if hasStep {
		if err := f.checkStep(step); err != nil || values == "*" {
			return err
		}
	}
	from, to, isRange := strings.Cut(values, "-")
	first, err := f.value(from)
	if err != nil || !isRange {
		return err
	}
	last, err := f.value(to)
	if err != nil {
		return err
	}
	if wraps := f.least == 0 && f.most == sunday && first == sunday && !hasStep; last < first && !wraps {
		return fmt.Errorf("%s %q begins after its end: write two ranges with a comma between them", f.name, values)
	}
	return nil
}

// checkStep refuses steps that are never reached: they are mistaken for intervals.
func (f field) checkStep(text string) error {
	if step, err := number(text); err != nil || step < 1 || step > f.most-f.least+1 {
		return fmt.Errorf("step %q of the %s is not a number from 1 to %d: a longer interval is written as in `every 90m`", text, f.name, f.most-f.least+1)
	}
	return nil
}

// value returns the number of a value, which may be a name.
func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.first + i, nil
	}
	n, err := number(text)
	if err == nil && n >= f.least && n <= f.most {
		return n, nil
	}
	example := ""
	if f.names != nil {
		example = " or a name such as " + f.names[len(f.names)-1]
	}
	return 0, fmt.Errorf("%s %q is not a number from %d to %d%s", f.name, text, f.least, f.most, example)
}

// number reads a number without a sign.
func number(text string) (int, error) {
	if text == "" || len(text) > 3 || strings.Trim(text, "0123456789") != "" {
		return 0, errors.New("not a number")
	}
	return strconv.Atoi(text)
}

// lastOrNearest accepts the last day of a month, and the weekday nearest to a day.
func lastOrNearest(f field, element string) (is bool, err error) {
	if element == "L" {
		return true, nil
	}
	day, is := strings.CutSuffix(element, "W")
	if is {
		_, err = f.value(day)
	}
	return is, err
}

// lastOrNth accepts the last of a day of the week in a month, and the first to fifth.
func lastOrNth(f field, element string) (is bool, err error) {
	if day, nth, is := strings.Cut(element, "#"); is {
		if n, err := number(nth); err != nil || n < 1 || n > 5 {
			return true, fmt.Errorf("%s %q: what follows # is a number from 1 to 5", f.name, element)
		}
		_, err = f.value(day)
		return true, err
	}
	day, is := strings.CutSuffix(element, "L")
	if is {
		_, err = f.value(day)
	}
	return is, err
}
