// The circuit breaker of an institution.

package limit

import "time"

// BreakerState is whether an institution is used.
type BreakerState string

// The states of a breaker.
const (
	Closed   BreakerState = ""          // sessions are allowed
	Open     BreakerState = "open"      // no sessions, until a time
	HalfOpen BreakerState = "half-open" // one session tries whether the institution works again
)

// Breaker is the circuit breaker of an institution. It opens after some failures in a row, for a while that doubles with each attempt in between that
// fails, and closes after the first session that succeeds.
type Breaker struct {
	State    BreakerState  `json:"state,omitempty"`
	Failures int           `json:"failures,omitempty"` // in a row
	Until    time.Time     `json:"until,omitzero"`     // while it is open; or until the attempt is given up, while it is half-open
	Wait     time.Duration `json:"wait,omitempty"`     // the last one
	Trial    string        `json:"trial,omitempty"`    // the process that tries, while it is half-open
}

// report takes what a process reports.
func (b *Breaker) report(now time.Time, l Limits, a Ask) {
	if b.State == HalfOpen && a.Process != b.Trial && a.Failed > 0 {
		return // sessions that began before the breaker opened
	}
	if a.Succeeded > 0 {
		if b.State == Open && a.Failed > 0 {
			return // it worked before it failed
		}
		*b = Breaker{}
	}
	if a.Failed == 0 {
		return
	}
	b.Failures += a.Failed
	switch {
	case b.State == HalfOpen:
		b.open(now, min(2*max(b.Wait, l.Wait), l.Longest))
	case b.State == Closed && b.Failures >= l.Failures:
		b.open(now, l.Wait)
	}
}

func (b *Breaker) open(now time.Time, wait time.Duration) {
	b.State, b.Wait, b.Until, b.Trial = Open, wait, now.Add(wait), ""
}

// trialTime bounds an attempt that tries whether an institution works again. Its process may have died.
const trialTime = 2 * time.Minute

// allows reports how many of the wanted sessions a process may have, and how long to wait if there are none.
func (b *Breaker) allows(now time.Time, process string, want int) (sessions int, wait time.Duration) {
	switch {
	case want == 0:
		return 0, 0
	case b.State == Closed:
		return want, 0
	case b.State == Open && now.Before(b.Until):
		return 0, b.Until.Sub(now)
	case b.State == HalfOpen && b.Trial != process && now.Before(b.Until):
		return 0, min(b.Until.Sub(now), LeaseTime)
	case b.State == HalfOpen && b.Trial == process:
		return 1, 0
	}
	b.State, b.Trial, b.Until = HalfOpen, process, now.Add(trialTime)
	return 1, 0
}
