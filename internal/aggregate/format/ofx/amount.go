// Parses amounts and dates as banks write them.

package ofx

import (
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
)

// amount returns a plain decimal (rule 2); a text that is not a number, or is ambiguous, is returned unchanged. The
// format allows both decimal marks and no grouping, but some banks group: the rightmost mark is the decimal mark.
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
		if !statement.IsGrouped(whole, group) || strings.Contains(fraction, group) {
			return text
		}
		rest = strings.ReplaceAll(rest, group, "")
	}
	if decimal, ok := statement.Amount(sign+rest, mark); ok {
		return decimal
	}
	return text
}

// decimalMarks finds the decimal mark of a number and its group mark. A single comma before three digits is
// ambiguous.
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
		return ',', "", number[0] == '0' || !statement.IsGrouped(number, ",")
	}
	return '.', "", true
}

const timeOnly = "2006-01-02T15:04:05"

// timestamp is a time as written: the local time, and the offset if one is stated.
type timestamp struct {
	local  time.Time
	zone   *time.Location // nil if none is stated
	stated bool
}

// date returns the local date, or the text if it cannot be read.
func date(text string) string {
	if m := parseTimestamp(text); m.stated {
		return m.local.Format(time.DateOnly)
	}
	return text
}

// optionalDate is date, but returns "" for the zeros that some banks write for a missing date.
func optionalDate(text string) string {
	if strings.Trim(text, "0") == "" {
		return ""
	}
	return date(text)
}

// String returns the time in the form of package statement; "" if there is none.
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

// timestampText returns the time in the form of package statement, or the text if it cannot be read.
func timestampText(text string) string {
	if m := parseTimestamp(text); m.stated {
		return m.String()
	}
	return text
}

// parseTimestamp parses YYYYMMDD[HH[MM[SS]]][.fraction][[offset:name]], and dates with hyphens. With an invalid
// offset only the local time is used.
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
	fraction := text[n:]
	isFraction := fraction == "" || strings.IndexByte(".,:", fraction[0]) >= 0 && strings.Trim(fraction[1:], "0123456789") == ""
	if n != 8 && n != 10 && n != 12 && n != 14 || !isFraction {
		return timestamp{}
	}
	part := func(from, to int) (value int) { // a loop, because time.Parse takes a tenth of the time of reading a file
		for i := from; i < to && i < n; i++ {
			value = value*10 + int(text[i]-'0')
		}
		return value
	}
	year, month, day, hour, minute, second := part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14)
	local := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// time.Date normalizes a part that is out of range, which changes another part.
	if local.Day() != day || int(local.Month()) != month || local.Minute() != minute || local.Second() != second {
		return timestamp{}
	}
	return timestamp{local: local, zone: zone(offset), stated: true}
}

func parseHyphenated(text string) timestamp {
	for _, layout := range []string{time.DateOnly, timeOnly, "2006-01-02 15:04:05"} {
		if local, err := time.Parse(layout, text); err == nil {
			return timestamp{local: local, stated: true}
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return timestamp{local: t, zone: t.Location(), stated: true}
	}
	return timestamp{}
}

// minutes maps the fraction of an hour to minutes; some banks write the minutes themselves.
var minutes = map[string]int{"": 0, "0": 0, "00": 0, "5": 30, "50": 30, "30": 30, "25": 15, "15": 15, "75": 45, "45": 45}

// zone parses "-5:EST]", "+5.5]", "5.30:IST]"; nil if the text is not a valid offset.
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
