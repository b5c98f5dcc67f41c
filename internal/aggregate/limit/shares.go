// The parts of an institution's limits that processes have.

package limit

import (
	"slices"
	"time"
)

// whole is the share of a process that has all requests, in millionths.
const whole = 1_000_000

// lease is the part of a process.
type lease struct {
	Process  string    `json:"process"`
	Sessions int       `json:"sessions"`
	Share    int64     `json:"share"` // of the requests, in millionths
	Want     int       `json:"want"`
	Until    time.Time `json:"until"`
}

// Shares is the state of an institution. The zero value is ready. It is deterministic: time is an argument.
type Shares struct {
	Leases    []lease   `json:"leases,omitempty"` // sorted by process
	Breaker   Breaker   `json:"breaker"`
	NotBefore time.Time `json:"not_before,omitzero"` // the institution asked to be left alone until then
}

// Lease answers a process: it takes the report, and gives the process its part for LeaseTime.
func (s *Shares) Lease(now time.Time, a Ask) Part {
	s.expire(now)
	s.Breaker.report(now, a.Limits, a)
	if until := now.Add(a.RetryAfter); a.RetryAfter > 0 && until.After(s.NotBefore) {
		s.NotBefore = until
	}
	part := Part{For: LeaseTime}
	if a.Ends {
		s.Leases = slices.DeleteFunc(s.Leases, func(l lease) bool { return l.Process == a.Process })
		return part
	}
	sessions, wait := s.Breaker.allows(now, a.Process, a.Want)
	if now.Before(s.NotBefore) && sessions > 0 {
		sessions, wait = 0, s.NotBefore.Sub(now)
	}
	at, had := s.find(a.Process)
	if sessions == 0 {
		s.end(at, had, now, a)
		part.Wait, part.Breaker = wait, s.Breaker
		return part
	}
	s.place(at, had, now, a, sessions, &part)
	part.Breaker = s.Breaker
	return part
}

func (s *Shares) find(process string) (at int, had bool) {
	return slices.BinarySearchFunc(s.Leases, process, func(l lease, process string) int {
		switch {
		case l.Process < process:
			return -1
		case l.Process > process:
			return 1
		}
		return 0
	})
}

// expire forgets the leases that have ended.
func (s *Shares) expire(now time.Time) {
	s.Leases = slices.DeleteFunc(s.Leases, func(l lease) bool { return !l.Until.After(now) })
}

// end makes a process want nothing. What it was given stays taken until its lease ends. Sessions that it has are not interrupted, and count: their lease
// is longer than the process waits before it asks again.
func (s *Shares) end(at int, had bool, now time.Time, a Ask) {
	if a.Open > 0 {
		s.put(at, had, lease{Process: a.Process, Sessions: a.Open, Until: now.Add(2 * LeaseTime)})
	} else if had {
		s.Leases[at].Want = 0
	}
}

// put replaces the lease of a process, or adds it.
func (s *Shares) put(at int, had bool, l lease) {
	if had {
		s.Leases[at] = l
		return
	}
	s.Leases = slices.Insert(s.Leases, at, l)
}

// place gives a process its part: an equal one among those that want any, as far as what others have leased leaves it.
func (s *Shares) place(at int, had bool, now time.Time, a Ask, want int, part *Part) {
	wanting, having, sessions, free := 1, 0, 0, int64(whole)
	for i := range s.Leases {
		l := &s.Leases[i]
		if l.Process == a.Process {
			continue
		}
		if l.Want > 0 {
			wanting++
		}
		if l.Share > 0 {
			having++
		}
		sessions += l.Sessions
		free -= l.Share
	}
	l := lease{Process: a.Process, Want: a.Want, Until: now.Add(LeaseTime)}
	places, processes := a.Limits.Sessions-sessions, a.Limits.processes()
	wanting = min(wanting, processes) // the others wait until one of these wants nothing
	if share := min(int64(whole/wanting), free); places > 0 && having < processes && a.Limits.isUseful(share) {
		l.Share = share
		l.Sessions = max(a.Open, min(want, places, (a.Limits.Sessions+wanting-1)/wanting))
		part.Sessions, part.Spacing = l.Sessions, a.Limits.spacing()*whole/time.Duration(share)
	} else {
		l.Sessions = a.Open     // which are not interrupted
		part.Wait = time.Second // until another process has a smaller part, or none
	}
	s.put(at, had, l)
}

// isUseful reports whether a process can send a request within a lease with its share. A process that has all of them waits as long as it must.
func (l Limits) isUseful(share int64) bool {
	return share > 0 && (share == whole || l.spacing()*whole/time.Duration(share) <= LeaseTime)
}

// IsIdle reports that nothing would be lost with the state: no lease is in force, and the institution works.
func (s *Shares) IsIdle(now time.Time) bool {
	s.expire(now)
	return len(s.Leases) == 0 && s.Breaker == (Breaker{}) && !now.Before(s.NotBefore)
}
