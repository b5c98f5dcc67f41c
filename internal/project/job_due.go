// When a job is due: its schedule without the dates that are excepted.

package project

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"bursar/internal/project/doc"
)

// maxExcepted bounds the search for a time that is not excepted. Ranges are left at their ends, so that only lists of thousands of ranges
// come near it.
const maxExcepted = 100_000

// dateMargin is how long before the midnight after a range the search goes on: clocks that change around midnight make it uncertain.
const dateMargin = 3 * time.Hour

// lastYear is the last one that dates and JSON can express.
const lastYear = 9999

// Due returns the first time after another one at which the job is due by its schedule, and whose local date is not excepted. It is zero if
// there is none.
func (j *Job) Due(after time.Time) time.Time {
	if j.Schedule.IsZero() {
		return time.Time{}
	}
	return j.FirstAllowed(j.Schedule.Next, after)
}

// FirstAllowed returns the first time after another one, of those that next returns one after another, whose local date is not excepted. It is
// zero if there is none.
func (j *Job) FirstAllowed(next func(after time.Time) time.Time, after time.Time) time.Time {
	zone := cmp.Or(j.Zone, time.UTC)
	for range maxExcepted {
		due := next(after)
		if due.IsZero() || due.Year() > lastYear {
			return time.Time{}
		}
		if len(j.Except) == 0 {
			return due
		}
		last, excepted := j.exceptedUntil(due.In(zone).Format(time.DateOnly))
		if !excepted {
			return due
		}
		after = due
		if day, err := time.ParseInLocation(time.DateOnly, last, zone); err == nil {
			if next := day.AddDate(0, 0, 1).Add(-dateMargin); next.After(after) {
				after = next
			}
		}
	}
	return time.Time{}
}

// exceptedUntil reports whether a date is excepted, and the last date of the range.
func (j *Job) exceptedUntil(date string) (last string, excepted bool) {
	for _, r := range j.Except {
		if r.Includes(date) && r.To >= last {
			last, excepted = r.To, true
		}
	}
	return last, excepted
}

// readExcept reads dates and ranges of dates. They are sorted, and ranges that overlap or follow one another become one.
func readExcept(o doc.Section) []DateRange {
	var ranges []DateRange
	seen := map[DateRange]bool{}
	for i, n := range listItems(o, "except", "dates such as 2026-12-25, or ranges such as 2026-12-24..2027-01-01") {
		path := item("except", i)
		r, valid := parseDateRange(n)
		switch {
		case !valid:
			o.Src.FailAt(path, "`except` lists %s: write a date as in 2026-12-25, or a range as in 2026-12-24..2027-01-01", doc.Brief(n.Value))
		case r.To < r.From:
			o.Src.FailAt(path, "`except` lists %s, which ends before it begins", doc.Brief(n.Value))
		case seen[r]:
			o.Src.FailAt(path, "`except` lists %s twice", doc.Brief(n.Value))
		default:
			seen[r] = true
			ranges = append(ranges, r)
		}
	}
	return joinRanges(ranges)
}

func parseDateRange(n *yaml.Node) (r DateRange, valid bool) {
	from, to, isRange := strings.Cut(n.Value, "..")
	if !isRange {
		to = from
	}
	for _, date := range []string{from, to} {
		if day, err := time.Parse(time.DateOnly, date); err != nil || day.Year() == 0 {
			return DateRange{}, false
		}
	}
	return DateRange{From: from, To: to}, n.Kind == yaml.ScalarNode
}

func joinRanges(ranges []DateRange) []DateRange {
	slices.SortFunc(ranges, func(a, b DateRange) int { return cmp.Compare(a.From, b.From) })
	var joined []DateRange
	for _, r := range ranges {
		if n := len(joined); n > 0 && r.From <= nextDate(joined[n-1].To) {
			joined[n-1].To = max(joined[n-1].To, r.To)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// nextDate returns the date after a valid one.
func nextDate(date string) string {
	day, _ := time.Parse(time.DateOnly, date)
	return day.AddDate(0, 0, 1).Format(time.DateOnly)
}
