// Tests of what is due by the policies of declared jobs, also after years in which nothing was up.

package slot

import (
	"strings"
	"testing"
	"time"

	"bursar/internal/project"
	"bursar/internal/schedule"
)

// noon is when the decisions of these tests are made.
var noon = time.Date(2026, 11, 28, 12, 0, 30, 0, time.UTC)

func jobOf(t testing.TB, text string) *project.Job {
	t.Helper()
	s, err := schedule.Parse(text, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return &project.Job{Name: "load", Schedule: s, Zone: time.UTC}
}

// TestLongOutage decides about years in parts, none of which is long, and each of which goes on where the one before ended.
func TestLongOutage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text   string
		policy project.CatchUpPolicy
		from   time.Time
		calls  int // at most
		total  int
		begin  int // of total
	}{
		{"every 1m", project.CatchUpSkip, noon.AddDate(-3, 0, 0), 8, 3*365*1440 + 1440, 1},
		{"every 1m", project.CatchUpLatest, noon.AddDate(-3, 0, 0), 8, 3*365*1440 + 1440, 1},
		{"* * * * *", project.CatchUpLatest, noon.AddDate(0, 0, -30), 5, 30 * 1440, 1},
		{"every 1h", project.CatchUpAll, noon.AddDate(0, 0, -100), 3, 100 * 24, 100 * 24},
	} {
		j := jobOf(t, c.text)
		j.CatchUp.Policy = c.policy
		p := PolicyOf(j, nil)
		cursor, total, begin, calls := c.from, 0, 0, 0
		for expected := p.Due(cursor); cursor.Before(noon); calls++ {
			d := p.Decide(cursor, noon, false)
			for _, v := range d.Verdicts {
				if !v.First.Equal(expected) {
					t.Fatalf("%s: a verdict begins at %s, want %s", c.text, v.First, expected)
				}
				expected = p.Due(v.Last)
				if total += v.Count; v.State == Waiting {
					begin++
				}
			}
			if d.More != d.Until.Before(noon) || len(d.Verdicts) > mostWaiting || !d.Until.After(cursor) {
				t.Fatalf("%s: until %s, more %v, %d verdicts", c.text, d.Until, d.More, len(d.Verdicts))
			}
			cursor = d.Until
		}
		if total != c.total || begin != c.begin || calls > c.calls {
			t.Errorf("%s %s: %d due times, %d executed, %d calls; want %d, %d, at most %d", c.text, c.policy, total, begin, calls, c.total, c.begin, c.calls)
		}
	}
}

// TestDueTimes: a job without a schedule is due with the job that it comes after, but for the excepted dates of both.
func TestDueTimes(t *testing.T) {
	t.Parallel()
	first := jobOf(t, "every 12h")
	second := &project.Job{Name: "second", After: "load", Zone: time.UTC, Except: []project.DateRange{{From: "2026-11-29", To: "2026-11-30"}}}
	east := time.FixedZone("east", 14*60*60) // 12:00 UTC is there the next day
	third := &project.Job{Name: "third", After: "second", Zone: east, Except: []project.DateRange{{From: "2026-12-02", To: "2027-12-01"}}}
	alone := &project.Job{Name: "alone", After: "gone", Zone: time.UTC}
	jobs := map[string]*project.Job{"load": first, "second": second, "third": third, "alone": alone}
	for job, want := range map[*project.Job]string{
		first:  "2026-11-29T00 2026-11-29T12 2026-11-30T00",
		second: "2026-12-01T00 2026-12-01T12 2026-12-02T00",
		third:  "2026-12-01T00 2027-12-01T12 2027-12-02T00",
		alone:  "",
	} {
		due := PolicyOf(job, jobs).Due
		var got []string
		for at := due(noon); !at.IsZero() && len(got) < 3; at = due(at) {
			got = append(got, at.Format("2006-01-02T15"))
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %s, want %s", job.Name, text, want)
		}
	}
	minutely := jobOf(t, "every 1m")
	second.Except = []project.DateRange{{From: "2026-11-28", To: "2028-11-27"}}
	if got := PolicyOf(second, map[string]*project.Job{"load": minutely}).Due(noon); got.Format(time.RFC3339) != "2028-11-28T00:00:00Z" {
		t.Errorf("after two excepted years: %s", got)
	}
}
