// When accounts are refreshed.

package account

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"bursar/internal/failure"
)

func TestInterval(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rules    Rules
		accounts int
		want     time.Duration
	}{
		"only when asked":              {Rules{AccountDay: 4, Day: 100}, 10, 0},
		"as declared":                  {Rules{Every: 12 * time.Hour, AccountDay: 4}, 10, 12 * time.Hour},
		"the quota of an account":      {Rules{Every: time.Hour, AccountDay: 4}, 10, 6 * time.Hour},
		"less what people need":        {Rules{Every: time.Hour, AccountDay: 4, Reserve: 50}, 10, 12 * time.Hour},
		"one stays":                    {Rules{Every: time.Hour, AccountDay: 1, Reserve: 90}, 10, 24 * time.Hour},
		"the quota of the institution": {Rules{Every: time.Hour, AccountDay: 24, Day: 100}, 200, 48 * time.Hour},
		"less what people need of it":  {Rules{Every: time.Hour, AccountDay: 24, Day: 100, Reserve: 20}, 200, 60 * time.Hour},
		"no accounts":                  {Rules{Every: time.Hour, AccountDay: 24, Day: 100}, 0, time.Hour},
		"a million accounts":           {Rules{Every: time.Hour, AccountDay: 24, Day: 1000}, 1_000_000, 1000 * 24 * time.Hour},
	} {
		if got := tt.rules.Interval(tt.accounts); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestNextSpreads moves refreshes by up to a tenth of the interval, evenly, and each in the same way again.
func TestNextSpreads(t *testing.T) {
	t.Parallel()
	rules := Rules{Every: 10 * time.Hour, AccountDay: 24}
	const accounts, refreshes, buckets = 200, 50, 10
	var count [buckets]int
	for i := range accounts {
		ref, moved := refOf(fmt.Sprint("a", i)), map[time.Time]bool{}
		for n := range refreshes {
			next := rules.Next(ref, n, accounts, begin)
			if again := rules.Next(ref, n, accounts, begin); !again.Equal(next) {
				t.Fatalf("refresh %d of %s is due at %s, and at %s", n, ref, next, again)
			}
			moved[next] = true
			early := next.Sub(begin.Add(9 * time.Hour))
			if early < 0 || early >= 2*time.Hour {
				t.Fatalf("refresh %d of %s is due after %s", n, ref, next.Sub(begin))
			}
			count[early*buckets/(2*time.Hour)]++
		}
		if len(moved) < refreshes-5 {
			t.Errorf("%s has only %d times in %d refreshes", ref, len(moved), refreshes)
		}
	}
	for bucket, n := range count {
		if mean := accounts * refreshes / buckets; n < mean*8/10 || n > mean*12/10 {
			t.Errorf("%d refreshes are in tenth %d of the interval, want about %d", n, bucket, mean)
		}
	}
	if next := (Rules{AccountDay: 24}).Next(refOf("a"), 1, 1, begin); !next.IsZero() {
		t.Errorf("an account that is refreshed only when asked is due at %s", next)
	}
}

func TestAfterFailure(t *testing.T) {
	t.Parallel()
	rules := Rules{Every: time.Hour, AccountDay: 1000}
	away, slow := failure.Wrap(failure.Transient, errors.New("away")), failure.Throttle(0, errors.New("slow down"))
	asked := func(after time.Duration) error { return failure.Throttle(after, errors.New("slow down")) }
	for name, tt := range map[string]struct {
		rules       Rules
		failures    int
		cause       error
		least, most time.Duration // both 0: never
	}{
		"the first":                 {rules, 1, away, 5 * time.Minute, 5 * time.Minute},
		"the third":                 {rules, 3, slow, 20 * time.Minute, 20 * time.Minute},
		"many: after its interval":  {rules, 30, away, 54 * time.Minute, 66 * time.Minute},
		"as asked":                  {rules, 1, asked(3 * time.Hour), 3 * time.Hour, 3 * time.Hour},
		"asked for less":            {rules, 2, asked(time.Second), 10 * time.Minute, 10 * time.Minute},
		"asked for less, many":      {rules, 30, asked(time.Second), 54 * time.Minute, 66 * time.Minute},
		"something unreadable":      {rules, 1, failure.Wrap(failure.Data, errors.New("bad")), 54 * time.Minute, 66 * time.Minute},
		"a bug":                     {rules, 1, errors.New("bug"), 54 * time.Minute, 66 * time.Minute},
		"only when a person asks":   {Rules{AccountDay: 1000}, 1, away, 0, 0},
		"a long interval: in a day": {Rules{Every: 300 * time.Hour, AccountDay: 1}, 30, away, 24 * time.Hour, 24 * time.Hour},
	} {
		next := tt.rules.AfterFailure(refOf("a"), 7, 1, tt.failures, tt.cause, begin)
		if tt.most == 0 {
			if !next.IsZero() {
				t.Errorf("%s: after %s", name, next.Sub(begin))
			}
			continue
		}
		if after := next.Sub(begin); after < tt.least || after > tt.most {
			t.Errorf("%s: after %s, want %s to %s", name, after, tt.least, tt.most)
		}
	}
}
