// Dates and times, of which the format writes the year with two digits or not at all.

package mt940

import (
	"strconv"
	"time"
)

const (
	dateForm     = "2006-01-02"
	centuryPivot = 80 // 80 to 99 are of the 20th century, as SWIFT reads them
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
	if year += 2000; year >= 2000+centuryPivot {
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
type calendar struct {
	anchor              time.Time // the day that the statement opens, or that a report was made; zero if it states none
	anchorIsEnd         bool      // opened is the end of the days that the message speaks of
	valueText, valueDay string
	entryText, entryDay string
}

// value reads the value date.
func (c *calendar) value(text string) string {
	if text != c.valueText || text == "" {
		c.valueText, c.valueDay, c.entryText = text, date(text), ""
	}
	return c.valueDay
}

// entry reads the entry date beside the value date that was read last; zeros are none.
func (c *calendar) entry(text string) string {
	if text == "" || text == noDate[:len("MMDD")] {
		return ""
	}
	if text != c.entryText {
		c.entryText, c.entryDay = text, c.entryDate(text)
	}
	return c.entryDay
}

// reset takes the day that the entries which follow are of; a text that is no day is none.
func (c *calendar) reset(day string, report bool) {
	*c = calendar{anchorIsEnd: report}
	if len(day) >= len(dateForm) {
		c.anchor, _ = time.Parse(dateForm, day[:len(dateForm)])
	}
}

// entryDate reads MMDD in the year that the statement's days tell: the day is near the day that a report was made, and from shortly
// before the day that a statement opens to a year after it. The value date tells where that leaves two, where no day is stated, and where it
// is later than that, as the statement is of more than a year.
func (c *calendar) entryDate(text string) string {
	valueDay, err := time.Parse(dateForm, c.valueDay)
	if err != nil {
		return text
	}
	center, windowed := c.anchor, false
	switch {
	case center.IsZero():
		center = valueDay
	case c.anchorIsEnd:
		valueDay = center
	case valueDay.After(center.AddDate(1, 0, 0)):
		center = valueDay
	default:
		windowed = true
	}
	found, ok := time.Time{}, false
	for year := center.Year() - 1; year <= center.Year()+1; year++ {
		day, is := parseDay(year, text)
		if windowed && (day.Before(center.Add(-maxEntryLead)) || day.After(center.AddDate(1, 0, 0))) {
			continue
		}
		if is && (!ok || day.Sub(valueDay).Abs() < found.Sub(valueDay).Abs()) {
			found, ok = day, true
		}
	}
	if !ok {
		return text
	}
	return found.Format(dateForm)
}

// maxEntryLead is how long before the day that a statement opens banks date entries of it.
const maxEntryLead = 31 * 24 * time.Hour

// creationTime reads YYMMDDhhmm, with or without the offset of :13D:.
func creationTime(text string) string {
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
