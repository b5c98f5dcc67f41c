// Tests of schedules: changes of the clock, against a list that is made minute by minute, and expressions that are refused.

package schedule

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adhocore/gronx"
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func parse(t testing.TB, text, zone string) Schedule {
	t.Helper()
	s, err := Parse(text, zoneOf(t, zone))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func TestClockChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, zone, after, want string }{
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00"},
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00"},
		{"0 * * * *", "Europe/Berlin", "2026-10-25T01:30:00+02:00", "2026-10-25T02:00:00+02:00 2026-10-25T03:00:00+01:00"},
		{"*/30 * * * *", "Europe/Berlin", "2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00 2026-10-25T03:00:00+01:00"},
		{"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00-03:00", "2018-11-04T01:00:00-02:00 2018-11-05T00:00:00-02:00"},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00 2026-10-05T02:15:00+11:00"},
		{"0 12 * * *", "Pacific/Apia", "2011-12-29T11:00:00-10:00", "2011-12-29T12:00:00-10:00 2011-12-31T00:00:00+14:00 2011-12-31T12:00:00+14:00"},
		{"0 6 31 * *", "UTC", "2026-01-31T06:00:00Z", "2026-03-31T06:00:00Z 2026-05-31T06:00:00Z"},
		{"0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z"},
		{"0 0 1 * 7", "UTC", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z 2026-12-01T00:00:00Z 2026-12-06T00:00:00Z"},
		{"@daily", "Asia/Kolkata", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00+05:30"},
		{"every 15m", "UTC", "2026-11-28T10:15:00Z", "2026-11-28T10:30:00Z 2026-11-28T10:45:00Z"},
		{"every 24h", "UTC", "2026-11-28T10:15:00Z", "2026-11-29T00:00:00Z"},
	} {
		s := parse(t, c.text, c.zone)
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range strings.Fields(c.want) {
			next := s.Next(after)
			if got := next.In(zoneOf(t, c.zone)).Format(time.RFC3339); got != want {
				t.Errorf("%s in %s after %s: %s, want %s", c.text, c.zone, after, got, want)
			}
			if last := s.Last(next.Add(time.Second)); !last.Equal(next) {
				t.Errorf("%s in %s: the last until %s is %s", c.text, c.zone, next, last)
			}
			after = next
		}
	}
}

// TestEveryMinute compares Next and Last with a list that is made by looking at the clock in every minute.
func TestEveryMinute(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, c := range []struct{ zone, from string }{
		{"Europe/Berlin", "2026-03-28T00:00:00Z"},
		{"Europe/Berlin", "2026-10-24T00:00:00Z"},
		{"America/Sao_Paulo", "2018-11-03T00:00:00Z"},
		{"America/New_York", "2026-11-01T00:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-04T00:00:00Z"},
		{"Africa/Casablanca", "2026-02-14T00:00:00Z"},
		{"Pacific/Apia", "2011-12-29T00:00:00Z"},
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"*/15 * * * *", "30 2 * * *", "0 0 * * *", "7 */3 * * *", "0 1-3 * * *", "59 23 * * *"} {
			s := parse(t, text, c.zone)
			want := minutes(t, text, zoneOf(t, c.zone), from, from.Add(72*time.Hour))
			var got []time.Time
			for at := s.Next(from.Add(-time.Second)); at.Before(from.Add(72 * time.Hour)); at = s.Next(at) {
				got = append(got, at.UTC())
			}
			if !slices.EqualFunc(got, want, time.Time.Equal) {
				t.Errorf("%s in %s:\n%s\nwant\n%s", text, c.zone, got, want)
			}
			for range 50 {
				at := want[0].Add(time.Duration(random.Int64N(int64(from.Add(72 * time.Hour).Sub(want[0]))))).Truncate(time.Second)
				i, exact := slices.BinarySearchFunc(want, at, time.Time.Compare)
				if !exact {
					i--
				}
				if last := s.Last(at); !last.Equal(want[i]) {
					t.Errorf("%s in %s: the last until %s is %s, want %s", text, c.zone, at, last.UTC(), want[i])
				}
			}
		}
	}
}

// minutes lists what is due in each minute of a time: what the clock shows for the first time, or has left out.
func minutes(t *testing.T, text string, zone *time.Location, from, until time.Time) (list []time.Time) {
	t.Helper()
	g := gronx.New()
	latest := wallClock(from.Add(-3 * time.Hour).In(zone))
	for at := from.Add(-3 * time.Hour); at.Before(until); at = at.Add(time.Minute) {
		due := false
		for now := wallClock(at.In(zone)); latest.Before(now); {
			latest = latest.Add(time.Minute)
			matches, err := g.IsDue(text, latest)
			if err != nil {
				t.Fatal(err)
			}
			due = due || matches
		}
		if due && !at.Before(from) {
			list = append(list, at)
		}
	}
	return list
}

func TestRefusedSchedules(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "neither", "every 10s": "at least a minute", "every day": "not an interval", "every -1h": "not an interval", "every 90.5s": "not an interval",
		"0 0 30 2 *": "never due", "* * * *": "neither", "0 0 * * * *": "neither", "0 0 1 1 * 2026": "neither", "@everysecond": "no seconds",
		"61 * * * *": `minute "61" is not a number from 0 to 59`, "@never": "neither", "@yearly 1": "neither", "0 0 * * MONDAY": `"MONDAY" is not a number from 0 to 7 or a name`,
	} {
		if s, err := Parse(text, time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, %v; want %s", text, s, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"every 15m", "0 6 * * 1-5", "@daily", "*/7 1,2 L * ?", "0 0 1W * 5#3", "0 0 31 4,6 *", "*,99 * * * *", "0 0 * * 7-3/2"} {
		f.Add(text, int64(1_790_000_000))
	}
	zone := zoneOf(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		s, err := Parse(text, zone)
		if err != nil || seconds < 0 || seconds > 4_000_000_000 {
			return
		}
		at := time.Unix(seconds, 0)
		next := s.Next(at)
		if next.IsZero() {
			return
		}
		if last := s.Last(next); !next.After(at) || !last.Equal(next) {
			t.Errorf("%q after %s: %s, and the last until then is %s", text, at.UTC(), next.UTC(), last.UTC())
		}
	})
}

// TestIntervals: intervals are counted from 1970-01-01, also those that do not divide a day, and before it.
func TestIntervals(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(0, 0)
	for text, every := range map[string]time.Duration{"every 90m": 90 * time.Minute, "every 7h": 7 * time.Hour, "every 168h": 7 * 24 * time.Hour, "every 61s": 61 * time.Second} {
		s := parse(t, text, "Europe/Berlin")
		for _, c := range []struct{ at, next, last time.Time }{
			{epoch.Add(-1), epoch, epoch.Add(-every)},
			{epoch, epoch.Add(every), epoch},
			{epoch.Add(every - 1), epoch.Add(every), epoch},
			{epoch.Add(-every), epoch, epoch.Add(-every)},
			{epoch.Add(1000*every + 1), epoch.Add(1001 * every), epoch.Add(1000 * every)},
		} {
			if next, last := s.Next(c.at), s.Last(c.at); !next.Equal(c.next) || !last.Equal(c.last) {
				t.Errorf("%s at %s: next %s, last %s; want %s, %s", text, c.at.UTC(), next, last, c.next.UTC(), c.last.UTC())
			}
		}
	}
}
