// Days and differences in text.

package aggregate

import (
	"strconv"
	"time"

	"bursar/internal/aggregate/statement"
)

// dayOf reads a day as streams hold it: it has passed intake.
func dayOf(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic("day of a stored event: " + err.Error())
	}
	return t
}

func after(day string) string   { return dayOf(day).AddDate(0, 0, 1).Format(time.DateOnly) }
func earlier(day string) string { return dayOf(day).AddDate(0, 0, -1).Format(time.DateOnly) }

// difference is a - b.
func difference(a, b string) string {
	var x, y statement.Sum
	x.Add(a)
	y.Add(b)
	x.Minus(&y)
	return x.String()
}

// number reads a count of a stored event.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("count of a stored event: " + err.Error())
	}
	return n
}

// short is a stored amount without the zeros at its end beyond cents; empty stays empty.
func short(amount string) string {
	var s statement.Sum
	if !s.Add(amount) {
		return amount
	}
	return s.String()
}
