// Periods: the days, hours or numbers by which folders are sorted.

package project

import (
	"fmt"
	"strconv"
	"time"
)

// PeriodUnit is what the folders of a time series are named by.
type PeriodUnit string

// The units of periods.
const (
	ByDay    PeriodUnit = "day"
	ByHour   PeriodUnit = "hour"
	ByNumber PeriodUnit = "number"
)

// Period is a day or hour, counted since 1970 in UTC, or a number.
type Period int64

// The forms of days and hours.
const (
	dayForm  = "2006-01-02"
	hourForm = "2006-01-02T15"
)

// Parse reads a period: 2026-11-25, 2026-11-25T08 or a number that is not negative.
func (u PeriodUnit) Parse(text string) (Period, error) {
	switch u {
	case ByDay:
		if t, err := time.Parse(dayForm, text); err == nil {
			return Period(t.Unix() / 86400), nil
		}
		return 0, fmt.Errorf("%q is not a day: write it as in 2026-11-25", text)
	case ByHour:
		if t, err := time.Parse(hourForm, text); err == nil {
			return Period(t.Unix() / 3600), nil
		}
		return 0, fmt.Errorf("%q is not an hour: write it as in 2026-11-25T08", text)
	default:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%q is not a number that is not negative", text)
		}
		return Period(n), nil
	}
}

// Text writes a period as Parse reads it.
func (u PeriodUnit) Text(p Period) string {
	switch u {
	case ByDay:
		return time.Unix(int64(p)*86400, 0).UTC().Format(dayForm)
	case ByHour:
		return time.Unix(int64(p)*3600, 0).UTC().Format(hourForm)
	default:
		return strconv.FormatInt(int64(p), 10)
	}
}
