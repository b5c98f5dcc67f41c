// Dates and times, of which the format writes the year with two digits or not at all.

package mt940

import (
	"strconv"
	"time"
)

const (
	dateForm = "2006-01-02"
	century  = 80 // 80 to 99 are of the 20th century, as SWIFT reads them
)

// date reads YYMMDD. German banks count interest by months of thirty days, and write a value date of 29 or 30
// February in any year: that is February's last day. Another day that does not exist stays as it is written.
func date(text string) string {
	if day, ok := parseDate(text); ok {
		return day.Format(dateForm)
	}
	return text
}

func parseDate(text string) (day time.Time, ok bool) {
	if len(text) != 6 {
		return day, false
	}
	year, err := strconv.ParseUint(text[:2], 10, 8)
	if err != nil {
		return day, false
	}
	if year += 2000; year >= 2000+century {
		year -= 100
	}
	return parseDay(int(year), text[2:])
}

// parseDay reads MMDD of a year.
func parseDay(year int, text string) (day time.Time, ok bool) {
	if text == "0229" || text == "0230" {
		return time.Date(year, time.March, 0, 0, 0, 0, 0, time.UTC), true
	}
	day, err := time.Parse(dateForm, strconv.Itoa(year)+"-"+text[:2]+"-"+text[2:])
	return day, err == nil
}

// calendar reads the dates of entries. They repeat from one entry to the next, so it keeps the last.
type calendar struct{ text, day, entryText, entryDay string }

// value reads the value date.
func (c *calendar) value(text string) string {
	if text != c.text || text == "" {
		*c = calendar{text: text, day: date(text)}
	}
	return c.day
}

// entry reads the entry date beside the value date that was read last; zeros are none.
func (c *calendar) entry(text string) string {
	if text == "" || text == noDate[:len("MMDD")] {
		return ""
	}
	if text != c.entryText {
		c.entryText, c.entryDay = text, entryDate(text, c.day)
	}
	return c.entryDay
}

// entryDate reads MMDD in the year that brings it nearest to the value date: 1231 of a value date in January is of
// the year before.
func entryDate(text, value string) string {
	near, err := time.Parse(dateForm, value)
	if err != nil {
		return text
	}
	nearest, found := time.Time{}, false
	for year := near.Year() - 1; year <= near.Year()+1; year++ {
		day, ok := parseDay(year, text)
		if ok && (!found || day.Sub(near).Abs() < nearest.Sub(near).Abs()) {
			nearest, found = day, true
		}
	}
	if !found {
		return text
	}
	return nearest.Format(dateForm)
}

// created reads YYMMDDhhmm, with or without the offset of :13D:.
func created(text string) string {
	if len(text) < 10 {
		return text
	}
	day, ok := parseDate(text[:6])
	if !ok {
		return text
	}
	moment := day.Format(dateForm) + text[6:]
	if at, err := time.Parse(dateForm+"1504-0700", moment); err == nil {
		return at.Format(time.RFC3339)
	}
	if at, err := time.Parse(dateForm+"1504", moment); err == nil {
		return at.Format("2006-01-02T15:04:05")
	}
	return text
}
