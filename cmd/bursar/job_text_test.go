// Tests of how times are read, and of output that is followed.

package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"bursar/internal/job/chunk"
	"bursar/internal/project"
)

// TestJobTimes: local times are those at which a job is due, also where the clocks change.
func TestJobTimes(t *testing.T) {
	t.Parallel()
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2026-11-25T08:00":          "2026-11-25T07:00:00Z",
		"2026-11-25 08:00:30":       "2026-11-25T07:00:30Z",
		"2026-07-01":                "2026-06-30T22:00:00Z",
		"2026-11-25T08:00:00+05:00": "2026-11-25T03:00:00Z",
		"2026-03-29T02:30":          "2026-03-29T01:00:00Z", // it does not exist
		"2026-10-25T02:30":          "2026-10-25T00:30:00Z", // it comes twice
		"2026-02-30T08:00":          "",
		"08:00":                     "",
		"2026-11-25T08:00:00.1Z":    "",
	} {
		at, err := parseLocalTime(text, prague)
		if got := at.Format(time.RFC3339); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%s is %s (%v), want %q", text, got, err, want)
		}
	}
	for d, want := range map[time.Duration]string{
		20 * time.Second: "20s", 10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s", 0: "0s", 36 * time.Hour: "36h",
		1500 * time.Millisecond: "1.5s",
	} {
		if got := project.FormatTime(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}

// TestJobFollow: each line is printed once, whether it was seen while the task was executed or afterwards.
func TestJobFollow(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	f := &follower{out: &out, seen: map[followed]int64{}}
	for _, o := range []chunk.Output{
		{Key: "a", Attempt: 1, Text: []byte("one\ntw"), Bytes: 6, Live: true},
		{Key: "a", Attempt: 1, Text: []byte("one\ntwo\n"), Bytes: 8, Live: true},
		{Key: "b", Attempt: 1, Text: []byte("other\n"), Bytes: 6},
		{Key: "a", Attempt: 1, Text: []byte("five\n"), Bytes: 24, Live: true}, // what was between is lost
		{Key: "a", Attempt: 1, Text: []byte("one\ntwo\nthree\nfour\nfive\nend"), Bytes: 0},
		{Key: "a", Attempt: 1, Text: []byte("one\ntwo\nthree\nfour\nfive\nend"), Bytes: 0},
		{Key: "a", Attempt: 2, Text: []byte("again\n"), Bytes: 0},
	} {
		if err := f.print(o); err != nil {
			t.Fatal(err)
		}
	}
	got := regexp.MustCompile(`(?m)^==.*\n`).ReplaceAllString(out.String(), "")
	if want := "one\ntwo\nother\nfive\nend\nagain\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}
