// Tests of the policies: what becomes of due times, and which waiting slots begin.

package slot

import (
	"testing"
	"time"

	"bursar/internal/project"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// hourly is due at every full hour.
func hourly(after time.Time) time.Time { return after.Truncate(time.Hour).Add(time.Hour) }

func TestDecide(t *testing.T) {
	t.Parallel()
	skipped := func(from, count int, reason string) Verdict {
		first := start.Add(time.Duration(from) * time.Hour)
		return Verdict{First: first, Last: first.Add(time.Duration(count-1) * time.Hour), Count: count, State: Skipped, Kind: Scheduled, Reason: reason}
	}
	waiting := func(hour int, kind Kind) Verdict {
		due := start.Add(time.Duration(hour) * time.Hour)
		return Verdict{First: due, Last: due, Count: 1, State: Waiting, Kind: kind}
	}
	all, latest, skip := project.CatchUpAll, project.CatchUpLatest, project.CatchUpSkip
	for name, c := range map[string]struct {
		policy project.CatchUpPolicy
		age    time.Duration
		now    time.Duration // after 08:00, until which everything is decided
		paused bool
		want   []Verdict
	}{
		"nothing is due":                {latest, 0, 59 * time.Minute, false, nil},
		"the clock went backwards":      {latest, 0, -time.Hour, false, nil},
		"on time":                       {skip, 0, time.Hour, false, []Verdict{waiting(1, Scheduled)}},
		"at the end of grace":           {skip, 0, time.Hour + Grace, false, []Verdict{waiting(1, Scheduled)}},
		"after it":                      {skip, 0, time.Hour + Grace + 1, false, []Verdict{skipped(1, 1, ByCatchUp)}},
		"the latest":                    {latest, 0, 4*time.Hour - 1, false, []Verdict{skipped(1, 2, ByCatchUp), waiting(3, Missed)}},
		"the latest is on time":         {latest, 0, 4 * time.Hour, false, []Verdict{skipped(1, 3, ByCatchUp), waiting(4, Scheduled)}},
		"all":                           {all, 0, 4*time.Hour - 1, false, []Verdict{waiting(1, Missed), waiting(2, Missed), waiting(3, Missed)}},
		"all of an age":                 {all, 2 * time.Hour, 4 * time.Hour, false, []Verdict{skipped(1, 1, ByAge), waiting(2, Missed), waiting(3, Missed), waiting(4, Scheduled)}},
		"the latest is too old":         {latest, 10 * time.Minute, 3*time.Hour + 30*time.Minute, false, []Verdict{skipped(1, 3, ByAge)}},
		"skip, with another reason":     {skip, 2 * time.Hour, 4*time.Hour - 1, false, []Verdict{skipped(1, 1, ByAge), skipped(2, 2, ByCatchUp)}},
		"paused":                        {all, 0, 4 * time.Hour, true, []Verdict{skipped(1, 4, ByPause)}},
		"paused is a reason before age": {all, time.Minute, 4 * time.Hour, true, []Verdict{skipped(1, 4, ByPause)}},
	} {
		p := &Policy{Due: hourly, CatchUp: project.CatchUp{Policy: c.policy, Age: c.age}}
		d := p.Decide(start, start.Add(c.now), c.paused)
		if len(d.Verdicts) != len(c.want) || d.More || d.Until.Before(start) || d.Until.Before(start.Add(c.now)) {
			t.Errorf("%s: %+v", name, d)
			continue
		}
		for i := range c.want {
			if d.Verdicts[i] != c.want[i] {
				t.Errorf("%s: verdict %d is %+v; want %+v", name, i, d.Verdicts[i], c.want[i])
			}
		}
	}
}

// TestDecideIsBounded: after a long outage several decisions follow one another, and only the last has the latest due time.
func TestDecideIsBounded(t *testing.T) {
	t.Parallel()
	minutely := func(after time.Time) time.Time { return after.Truncate(time.Minute).Add(time.Minute) }
	p := &Policy{Due: minutely, CatchUp: project.CatchUp{Policy: project.CatchUpLatest}}
	const due = 2*mostTimes + 100
	cursor, now, count, waiting, calls := start, start.Add(due*time.Minute+30*time.Second), 0, 0, 0
	for more := true; more; calls++ {
		d := p.Decide(cursor, now, false)
		for _, v := range d.Verdicts {
			count += v.Count
			if v.State == Waiting {
				waiting++
			}
		}
		cursor, more = d.Until, d.More
	}
	if count != due || waiting != 1 || calls != 3 || !cursor.Equal(now) {
		t.Errorf("%d of %d due times in %d calls, %d wait, until %s", count, due, calls, waiting, cursor)
	}
	if d := p.Decide(start, start.Add(mostTimes*time.Minute), false); d.More || !d.Until.Equal(start.Add(mostTimes*time.Minute)) {
		t.Errorf("exactly the most at once are not decided: %s, %t", d.Until, d.More)
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	skip, queue, cancel, allow := project.OverlapSkip, project.OverlapQueue, project.OverlapCancel, project.OverlapAllow
	for _, c := range []struct {
		kind     Kind
		executed Executed
		want     map[project.Overlap]Action
	}{
		{Scheduled, Executed{}, map[project.Overlap]Action{skip: Begin, queue: Begin, cancel: Begin, allow: Begin}},
		{Scheduled, Executed{Scheduled: 1}, map[project.Overlap]Action{skip: Skip, queue: Wait, cancel: CancelRunning, allow: Begin}},
		{Scheduled, Executed{Missed: 1}, map[project.Overlap]Action{skip: Wait, queue: Wait, cancel: Wait, allow: Begin}},
		{Scheduled, Executed{Manual: 1}, map[project.Overlap]Action{skip: Wait, queue: Wait, cancel: Wait, allow: Begin}},
		{Manual, Executed{Scheduled: 1}, map[project.Overlap]Action{skip: Wait, queue: Wait, cancel: Wait, allow: Begin}},
		{Missed, Executed{}, map[project.Overlap]Action{skip: Begin, queue: Begin, cancel: Begin, allow: Begin}},
		{Missed, Executed{Missed: 1}, map[project.Overlap]Action{skip: Wait, queue: Wait, cancel: Wait, allow: Wait}},
		{Backfill, Executed{Scheduled: 1}, map[project.Overlap]Action{skip: Wait, queue: Wait, cancel: Wait, allow: Wait}},
	} {
		for overlap, want := range c.want {
			p := &Policy{Overlap: overlap}
			if got := p.Begin(c.kind, c.executed); got != want {
				t.Errorf("a %s slot beside %v with overlap %s: %d; want %d", c.kind, c.executed, overlap, got, want)
			}
		}
	}
}

// TestTaskID: keys are those that were handed on before an update, the same in every zone, and others for other tasks.
func TestTaskID(t *testing.T) {
	t.Parallel()
	id := TaskID("a", start, "b")
	if want := "98defe6514502ac615a1b5e3b25a2aca"; id != want {
		t.Errorf("the key is %s; want %s", id, want)
	}
	if elsewhere := TaskID("a", start.In(time.FixedZone("", 3600)), "b"); elsewhere != id {
		t.Errorf("in another zone it is %s", elsewhere)
	}
	seen := map[string]bool{id: true}
	for _, other := range []string{TaskID("a2", start, "b"), TaskID("a", start.Add(time.Second), "b"), TaskID("a", start, ""), TaskID("a", start, "B"), TaskID("", start, "ab")} {
		if seen[other] || len(other) != 32 {
			t.Errorf("%s is not valid, or not the only one", other)
		}
		seen[other] = true
	}
}
