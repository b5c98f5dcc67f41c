// Tests of when jobs are due.

package project

import (
	"strings"
	"testing"
	"time"

	"bursar/internal/schedule"
)

// dueJob returns a job of a schedule, a zone and ranges such as 2026-12-24..2026-12-26.
func dueJob(t *testing.T, text, zone string, except ...string) *Job {
	t.Helper()
	place, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	j := &Job{Zone: place}
	if j.Schedule, err = schedule.Parse(text, place); err != nil {
		t.Fatal(err)
	}
	for _, r := range except {
		from, to, _ := strings.Cut(r, "..")
		j.Except = append(j.Except, DateRange{from, to})
	}
	return j
}

func TestDue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, zone, except, after, want string }{
		{"0 8 * * 1-5", "Europe/Prague", "2026-12-24..2027-01-01", "2026-12-23T07:00:00Z", "2027-01-04T08:00:00+01:00"},
		{"0 8 * * *", "Europe/Prague", "2026-12-25..2026-12-25", "2026-12-23T07:00:00Z", "2026-12-24T08:00:00+01:00 2026-12-26T08:00:00+01:00"},
		{"every 8h", "Asia/Tokyo", "2026-06-02..2026-06-02", "2026-06-01T00:00:00Z", "2026-06-01T17:00:00+09:00 2026-06-03T01:00:00+09:00"},
		{"every 1m", "UTC", "2026-06-01..2126-06-01", "2026-06-01T00:00:00Z", "2126-06-02T00:00:00Z"},
		{"* * * * *", "UTC", "2026-06-02..2026-06-03 2026-06-01..2026-06-04", "2026-06-01T00:00:00Z", "2026-06-05T00:00:00Z"},
		{"0 0 * * *", "America/Sao_Paulo", "2018-11-03..2018-11-03", "2018-11-02T12:00:00Z", "2018-11-04T01:00:00-02:00"}, // 00:00 does not exist
		{"0 0 * * *", "America/Havana", "2026-10-31..2026-10-31", "2026-10-30T12:00:00Z", "2026-11-01T00:00:00-04:00"},    // 00:00 comes twice
		{"0 12 * * *", "Pacific/Apia", "2011-12-29..2011-12-29", "2011-12-28T23:00:00Z", "2011-12-31T00:00:00+14:00"},     // the 30th does not exist
	} {
		j := dueJob(t, c.text, c.zone, strings.Fields(c.except)...)
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range strings.Fields(c.want) {
			at = j.Due(at)
			if got := at.In(j.Zone).Format(time.RFC3339); got != want {
				t.Errorf("%s in %s without %s: %s, want %s", c.text, c.zone, c.except, got, want)
			}
		}
	}
}

// TestNeverDue: the search ends, also where nothing is left.
func TestNeverDue(t *testing.T) {
	t.Parallel()
	for _, j := range []*Job{
		{}, dueJob(t, "every 1m", "UTC", "2000-01-01..9999-12-31"), dueJob(t, "0 8 * * 1-5", "Europe/Prague", "2000-01-01..5000-12-31", "5000-01-01..9999-12-31"),
	} {
		if due := j.Due(time.Date(2026, 12, 23, 0, 0, 0, 0, time.UTC)); !due.IsZero() {
			t.Errorf("%s is due %s", j.Schedule, due)
		}
	}
}

// TestDueEveryDay compares a year of due times with those of the schedule alone.
func TestDueEveryDay(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Europe/Prague", "America/New_York", "Pacific/Auckland", "Asia/Kolkata"} {
		j := dueJob(t, "30 0,2,23 * * *", zone, "2026-03-07..2026-03-08", "2026-03-29..2026-03-29", "2026-10-25..2026-11-01", "2026-04-05..2026-04-05")
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for want := j.Schedule.Next(at); want.Year() < 2027; want = j.Schedule.Next(want) {
			if _, excepted := j.exceptedUntil(want.In(j.Zone).Format(time.DateOnly)); excepted {
				continue
			}
			if at = j.Due(at); !at.Equal(want) {
				t.Fatalf("in %s %s is due, want %s", zone, at, want)
			}
		}
	}
}
