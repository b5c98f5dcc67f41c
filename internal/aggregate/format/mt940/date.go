// Reads dates and times, whose years have two digits or are missing.

package mt940

import (
	"strconv"
	"time"
)

const centuryPivot = 80 // SWIFT reads 80 to 99 as 1980 to 1999

// date converts YYMMDD. German banks compute interest with months of thirty days and write a value date of 29 or 30
// February in any year; it is read as the last day of February. Any other day that does not exist is returned as
// written.
func date(text string) string {
	if day, ok := parseDate(text); ok {
		return day.Format(time.DateOnly)
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

func parseDay(year int, text string) (day time.Time, ok bool) {
	if text == "0229" || text == "0230" {
		return time.Date(year, time.March, 0, 0, 0, 0, 0, time.UTC), true
	}
	day, err := time.Parse(time.DateOnly, strconv.Itoa(year)+"-"+text[:2]+"-"+text[2:])
	return day, err == nil
}

// calendar reads the dates of a statement's entries. It caches the last ones, because consecutive entries often
// repeat them.
type calendar struct {
	anchor              time.Time // the date of the opening balance or of the report; zero if the statement states none
	anchorIsEnd         bool      // anchor is the end of the reported days
	valueText, valueDay string
	entryText, entryDay string
}

func (c *calendar) value(text string) string {
	if text != c.valueText || text == "" {
		c.valueText, c.valueDay, c.entryText = text, date(text), ""
	}
	return c.valueDay
}

// entry converts an entry date, next to the last value date; zeros mean that there is none.
func (c *calendar) entry(text string) string {
	if text == "" || text == noDate[:len("MMDD")] {
		return ""
	}
	if text != c.entryText {
		c.entryText, c.entryDay = text, c.entryDate(text)
	}
	return c.entryDay
}

// reset sets the anchor for the entries that follow; an invalid day is ignored.
func (c *calendar) reset(day string, report bool) {
	*c = calendar{anchorIsEnd: report}
	if len(day) >= len(time.DateOnly) {
		c.anchor, _ = time.Parse(time.DateOnly, day[:len(time.DateOnly)])
	}
}

// entryDate finds the year of an entry date MMDD. The date is near the date of a report, or from shortly before the
// opening balance to a year after it. The value date decides between two such years, and if the anchor is unknown or
// more than a year earlier, because the statement is then longer than a year.
func (c *calendar) entryDate(text string) string {
	valueDay, err := time.Parse(time.DateOnly, c.valueDay)
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
	return found.Format(time.DateOnly)
}

// maxEntryLead is how long before the opening balance banks date entries of a statement.
const maxEntryLead = 31 * 24 * time.Hour

// creationTime converts YYMMDDhhmm, with or without the offset of :13D:.
func creationTime(text string) string {
	if len(text) < 10 {
		return text
	}
	day, ok := parseDate(text[:6])
	if !ok {
		return text
	}
	moment := day.Format(time.DateOnly) + text[6:]
	if at, err := time.Parse(time.DateOnly+"1504-0700", moment); err == nil {
		return at.Format(time.RFC3339)
	}
	if at, err := time.Parse(time.DateOnly+"1504", moment); err == nil {
		return at.Format("2006-01-02T15:04:05")
	}
	return text
}
