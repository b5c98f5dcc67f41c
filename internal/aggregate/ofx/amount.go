// Amounts and dates as banks write them.

package ofx

import (
	"strings"
	"time"

	"bursar/internal/aggregate/statement"
)

// amount is a plain decimal (rule 2); text that is none, or that two readings fit, stays as it is. The format has either mark
// and no grouping, but some banks group: the mark on the right is the decimal one.
func amount(text string) string {
	sign, rest := "", strings.TrimSpace(text)
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		sign, rest = rest[:1], strings.TrimLeft(rest[1:], " ")
	}
	mark, group, ok := decimalMarks(rest)
	if !ok {
		return text
	}
	if group != "" {
		whole, fraction, _ := strings.Cut(rest, string(mark))
		if !isGrouped(whole, group) || strings.Contains(fraction, group) {
			return text
		}
		rest = strings.ReplaceAll(rest, group, "")
	}
	if decimal, ok := statement.Amount(sign+rest, mark); ok {
		return decimal
	}
	return text
}

// decimalMarks tells the decimal mark of a number, and what groups its digits. A lone comma before three digits may be either.
func decimalMarks(number string) (mark byte, group string, ok bool) {
	dots, commas := strings.Count(number, "."), strings.Count(number, ",")
	switch {
	case dots > 0 && commas > 0 && strings.LastIndexByte(number, '.') > strings.LastIndexByte(number, ','):
		return '.', ",", dots == 1
	case dots > 0 && commas > 0:
		return ',', ".", commas == 1
	case dots > 1:
		return ',', ".", true
	case commas > 1:
		return '.', ",", true
	case commas == 1:
		return ',', "", number[0] == '0' || !isGrouped(number, ",")
	}
	return '.', "", true
}

// isGrouped says whether all groups behind the first have three digits.
func isGrouped(whole, group string) bool {
	groups := strings.Split(whole, group)
	for _, g := range groups[1:] {
		if len(g) != 3 {
			return false
		}
	}
	return len(groups[0]) >= 1 && len(groups[0]) <= 3
}

const (
	dateOnly = "2006-01-02"
	timeOnly = "2006-01-02T15:04:05"
)

// timestamp is a time as written: local, and the offset where one is stated.
type timestamp struct {
	local  time.Time
	zone   *time.Location // nil where none is stated
	stated bool
}

// date is the local date as written, or the text.
func date(text string) string {
	if m := parseTimestamp(text); m.stated {
		return m.local.Format(dateOnly)
	}
	return text
}

// optionalDate is date, but for the zeros that some write for none.
func optionalDate(text string) string {
	if strings.Trim(text, "0") == "" {
		return ""
	}
	return date(text)
}

// String is the time as package statement writes it; empty where there is none.
func (m timestamp) String() string {
	switch {
	case !m.stated:
		return ""
	case m.zone == nil:
		return m.local.Format(timeOnly)
	}
	l := m.local
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, m.zone).Format(time.RFC3339)
}

// timestampText is the time where it can be read, or else the text.
func timestampText(text string) string {
	if m := parseTimestamp(text); m.stated {
		return m.String()
	}
	return text
}

// parseTimestamp reads YYYYMMDD[HH[MM[SS]]][.fraction][[offset:name]], and dates with hyphens. An offset that cannot be read leaves
// the local time.
func parseTimestamp(text string) timestamp {
	text, offset, zoned := strings.Cut(text, "[")
	if zoned && !strings.HasSuffix(strings.TrimSpace(offset), "]") {
		return timestamp{}
	}
	if text = strings.TrimSpace(text); len(text) > 4 && text[4] == '-' {
		return parseHyphenated(text)
	}
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	if n != 8 && n != 10 && n != 12 && n != 14 || !isFraction(text[n:]) {
		return timestamp{}
	}
	part := func(from, to int) int {
		value := 0
		for i := from; i < to && i < n; i++ {
			value = value*10 + int(text[i]-'0')
		}
		return value
	}
	year, month, day, hour, minute, second := part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14)
	local := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// What is out of range moves another part; an hour moves the day.
	if local.Day() != day || int(local.Month()) != month || local.Minute() != minute || local.Second() != second {
		return timestamp{}
	}
	return timestamp{local: local, zone: zone(offset), stated: true}
}

// isFraction says whether text can stand for parts of a second.
func isFraction(text string) bool {
	return text == "" || strings.IndexByte(".,:", text[0]) >= 0 && strings.Trim(text[1:], "0123456789") == ""
}

func parseHyphenated(text string) timestamp {
	for _, layout := range []string{dateOnly, timeOnly, "2006-01-02 15:04:05"} {
		if local, err := time.Parse(layout, text); err == nil {
			return timestamp{local: local, stated: true}
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return timestamp{local: t, zone: t.Location(), stated: true}
	}
	return timestamp{}
}

// minutes are those of a part of an hour; some write the minutes themselves.
var minutes = map[string]int{"": 0, "0": 0, "00": 0, "5": 30, "50": 30, "30": 30, "25": 15, "15": 15, "75": 45, "45": 45}

// zone reads "-5:EST]", "+5.5]", "5.30:IST]"; nil where that is none.
func zone(text string) *time.Location {
	if text == "" {
		return nil
	}
	text, _, _ = strings.Cut(strings.TrimSuffix(strings.TrimSpace(text), "]"), ":")
	hours, part, _ := strings.Cut(text, ".")
	after, ok := minutes[part]
	sign := 1
	switch {
	case strings.HasPrefix(hours, "-"):
		sign, hours = -1, hours[1:]
	case strings.HasPrefix(hours, "+"):
		hours = hours[1:]
	}
	whole := 0
	for _, digit := range hours {
		ok = ok && digit >= '0' && digit <= '9'
		whole = whole*10 + int(digit-'0')
		ok = ok && whole <= 14
	}
	if !ok || hours == "" {
		return nil
	}
	return time.FixedZone("", sign*(whole*3600+after*60))
}
