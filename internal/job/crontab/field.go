// The five fields of times. What all crons understand alike is accepted, and means the same in Bursar's schedules.

package crontab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is one of the fields of an entry.
type field struct {
	name      string
	low, high int
	names     []string // of its values from low on
}

var fields = [...]field{
	{name: "minute", high: 59},
	{name: "hour", high: 23},
	{name: "day of the month", low: 1, high: 31},
	{name: "month", low: 1, high: 12, names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{name: "weekday", high: 7, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// The places of the days in fields.
const (
	dayField     = 2
	weekdayField = 4
)

// check returns why a text is not a field: a list of values, ranges and *, the latter two with steps.
func (f *field) check(text string) (reason string) {
	for item := range strings.SplitSeq(text, ",") {
		if reason := f.checkItem(item); reason != "" {
			return fmt.Sprintf("%s: %q %s", f.name, text, reason)
		}
	}
	return ""
}

func (f *field) checkItem(item string) (reason string) {
	if strings.Contains(item, "~") {
		return "is a random time: choose one"
	}
	values, step, hasStep := strings.Cut(item, "/")
	if hasStep && !isStep(step) {
		return "has a step that is not a number from 1 to 999"
	}
	if values == "*" {
		return ""
	}
	from, to, isRange := strings.Cut(values, "-")
	low, isLow := f.value(from)
	high, isHigh := f.value(to)
	switch {
	case !isLow, isRange && !isHigh:
		return f.expected()
	case isRange && high < low:
		return "has a range that ends before it begins: write two ranges"
	case hasStep && !isRange:
		return fmt.Sprintf("has a step without a range, which crons understand differently: write %s, or %s-%d/%s", from, from, f.high, step)
	}
	return ""
}

func (f *field) expected() string {
	text := fmt.Sprintf("is not made of numbers from %d to %d", f.low, f.high)
	if f.names != nil {
		text += fmt.Sprintf(", names such as %s", f.names[0])
	}
	return text + ", ranges, steps and lists of them"
}

// value parses a number, or a name.
func (f *field) value(text string) (int, bool) {
	if i := slices.Index(f.names, strings.ToLower(text)); i >= 0 {
		return f.low + i, true
	}
	n, err := parseDigits(text)
	return n, err == nil && n >= f.low && n <= f.high
}

func isStep(text string) bool {
	n, err := parseDigits(text)
	return err == nil && n > 0
}

// parseDigits parses a number of at most three digits, without a sign.
func parseDigits(text string) (int, error) {
	const most = 10
	n, err := strconv.ParseUint(text, 10, most)
	if err == nil && n > 999 {
		err = strconv.ErrRange
	}
	return int(n), err
}

// checkDays returns why two fields of days can't be carried over. A command is due on days of either, if both restrict them; but on days of both if
// one begins with *. What crons make of a * further on differs.
func checkDays(day, weekday string) (reason string) {
	for _, text := range []string{day, weekday} {
		if strings.Contains(text, "*") && strings.Contains(text, ",") && day != "*" && weekday != "*" {
			return fmt.Sprintf("%q is a list with *, and both the day of the month and the weekday are given, which crons understand differently: list the days", text)
		}
	}
	return ""
}
