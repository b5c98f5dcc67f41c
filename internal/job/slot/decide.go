// Decides about due times: which slots are executed, and which are skipped.

package slot

import (
	"time"

	"bursar/internal/project"
)

// Grace is how long after its due time a slot is still on time; a later one was missed.
const Grace = time.Minute

// Bounds of one decision. After a long outage several follow one another.
const (
	mostTimes     = 10_000  // due times of cron expressions, each of which takes some 20 µs
	mostIntervals = 200_000 // due times of intervals
	mostWaiting   = 1_000   // slots that are to wait, each of which is recorded
)

// Policy is what decides about the slots of a job.
type Policy struct {
	Due     func(after time.Time) time.Time // the first due time after a time; zero: there is none
	Most    int                             // due times of one decision; 0 is a default
	Overlap project.Overlap
	CatchUp project.CatchUp
}

// PolicyOf returns the policy of a job among all those of its project, by name.
func PolicyOf(j *project.Job, jobs map[string]*project.Job) *Policy {
	due, isInterval := dueTimes(j, jobs)
	p := &Policy{Due: due, Most: mostTimes, Overlap: j.Overlap, CatchUp: j.CatchUp}
	if isInterval {
		p.Most = mostIntervals
	}
	return p
}

// dueTimes returns the due times of a job, in UTC. Without a schedule they are those of the job that it comes after, except on its own excepted
// dates.
func dueTimes(j *project.Job, jobs map[string]*project.Job) (next func(after time.Time) time.Time, isInterval bool) {
	if before := jobs[j.After]; j.Schedule.IsZero() && before != nil {
		theirs, isInterval := dueTimes(before, jobs)
		return func(after time.Time) time.Time { return j.FirstAllowed(theirs, after).UTC() }, isInterval
	}
	return func(after time.Time) time.Time { return j.Due(after).UTC() }, j.Schedule.IsInterval()
}

// Verdict is what becomes of a due time, or of several that are skipped for the same reason.
type Verdict struct {
	First, Last time.Time
	Count       int
	State       State // Waiting or Skipped
	Kind        Kind
	Reason      string
}

// Decided is what becomes of the due times of an interval.
type Decided struct {
	Verdicts []Verdict // in order
	Until    time.Time // everything that was due until then is decided
	More     bool      // there is more to decide until now
}

// Decide decides about what was due after a time and until now.
func (p *Policy) Decide(after, now time.Time, paused bool) Decided {
	if !now.After(after) { // the clock went backwards
		return Decided{Until: after}
	}
	d := Decided{Until: now}
	times, waiting := 0, 0
	for due := p.until(after, now); !due.IsZero(); {
		next := p.until(due, now)
		v := p.verdict(due, now, paused, next.IsZero())
		d.add(v)
		times++
		if v.State == Waiting {
			waiting++
		}
		if !next.IsZero() && (times == p.most() || waiting == mostWaiting) {
			d.Until, d.More = due, true
			return d
		}
		due = next
	}
	return d
}

// until returns the first due time after a time and until another one; zero if there is none.
func (p *Policy) until(after, now time.Time) time.Time {
	if due := p.Due(after); !due.After(now) {
		return due
	}
	return time.Time{}
}

func (p *Policy) most() int {
	if p.Most == 0 {
		return mostTimes
	}
	return p.Most
}

// verdict decides about one due time; last is whether it is the last one until now.
func (p *Policy) verdict(due, now time.Time, paused, last bool) Verdict {
	v := Verdict{First: due, Last: due, Count: 1, State: Skipped, Kind: Scheduled}
	missed := due.Before(now.Add(-Grace))
	switch {
	case paused:
		v.Reason = ByPause
	case !missed:
		v.State = Waiting
	case p.CatchUp.Age > 0 && due.Before(now.Add(-p.CatchUp.Age)):
		v.Reason = ByAge
	case p.CatchUp.Policy == project.CatchUpAll, p.CatchUp.Policy == project.CatchUpLatest && last:
		v.State, v.Kind = Waiting, Missed
	default:
		v.Reason = ByCatchUp
	}
	return v
}

// add adds a verdict. One that skips for the same reason as the one before extends it.
func (d *Decided) add(v Verdict) {
	if n := len(d.Verdicts); n > 0 && v.State == Skipped && d.Verdicts[n-1].State == Skipped && d.Verdicts[n-1].Reason == v.Reason {
		d.Verdicts[n-1].Last = v.Last
		d.Verdicts[n-1].Count++
		return
	}
	d.Verdicts = append(d.Verdicts, v)
}
