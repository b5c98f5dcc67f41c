// Arithmetic on days as texts.

package statement

import "time"

// IsDay reports whether a text is a day.
func IsDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// ParseDay parses a day of a stored event, which intake has checked.
func ParseDay(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic("day of a stored event: " + err.Error())
	}
	return t
}

// DayAfter is the day after a day of a stored event.
func DayAfter(day string) string { return ParseDay(day).AddDate(0, 0, 1).Format(time.DateOnly) }

// DayBefore is the day before a day of a stored event.
func DayBefore(day string) string { return ParseDay(day).AddDate(0, 0, -1).Format(time.DateOnly) }

// DaysBetween is the number of days from one day to another.
func DaysBetween(from, to string) int {
	return int(ParseDay(to).Sub(ParseDay(from)) / (24 * time.Hour))
}
