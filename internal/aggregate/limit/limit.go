// Package limit keeps all processes of a project together within what an institution allows: requests in an interval, sessions at a time, and no
// sessions while the institution does not work (a circuit breaker). Shares is the state of one institution, which one place decides on (package flow:
// a workflow); each process leases a part of it for a few seconds, and Pool keeps the process within its part. It is exact: in no interval of the
// declared length does the institution get more requests than declared, also when processes die, are suspended, or come and go, as long as clocks run
// equally fast. It must not know of accounts or of Temporal.
//
// How: a process that has a part earns one request per Spacing, and keeps at most one that it has not sent. What is earned at the same time by all
// processes is at most Requests less one for each process that may have one to send, per interval Per. A process counts the time of a lease from
// before it asks for it, and Shares from after it was asked, so that the process stops before its part is given to another. While it asks, it begins
// nothing: its part may have become smaller already.
package limit

import "time"

// Limits are what an institution allows.
type Limits struct {
	Requests int           `json:"requests"` // in any interval of length Per
	Per      time.Duration `json:"per"`
	Sessions int           `json:"sessions"` // at a time

	Failures int           `json:"failures"` // in a row that open the breaker
	Wait     time.Duration `json:"wait"`     // until an open breaker lets one session try
	Longest  time.Duration `json:"longest"`  // of these waits, which double
}

const (
	// LeaseTime is how long a part is leased. A part whose process has died is free after that.
	LeaseTime = 10 * time.Second
	// MaxProcesses bounds the processes that have a part of an institution at a time. Others wait until one is free.
	MaxProcesses = 8
)

// processes returns how many processes can share the limits: each needs a session, and a request of its own.
func (l Limits) processes() int { return max(1, min(MaxProcesses, l.Sessions, l.Requests/2)) }

// spacing returns the time between two requests if all of them were sent by one process, so that any number of allowed processes together stay within the
// limit.
func (l Limits) spacing() time.Duration {
	return max(l.Per/time.Duration(max(l.Requests-l.processes(), 1)), 1)
}

// Report is what a process has seen of an institution since its last report.
type Report struct {
	Succeeded  int           `json:"succeeded,omitempty"` // sessions in which the institution answered
	Failed     int           `json:"failed,omitempty"`    // sessions in which it did not, since the last one that succeeded
	RetryAfter time.Duration `json:"retry_after,omitempty"`
}

// after returns the report of what two reports say, of which the argument is the earlier.
func (r Report) after(earlier Report) Report {
	if r.Succeeded == 0 {
		r.Failed += earlier.Failed
	}
	r.Succeeded += earlier.Succeeded
	r.RetryAfter = max(r.RetryAfter, earlier.RetryAfter)
	return r
}

// Ask asks for a part, or renews it, and reports.
type Ask struct {
	Process string `json:"process"`
	Want    int    `json:"want"`           // sessions that it has, or has work for; 0: it needs its part no more
	Open    int    `json:"open"`           // sessions that it has
	Ends    bool   `json:"ends,omitempty"` // the process sends nothing more: its part is free
	Limits  Limits `json:"limits"`
	Report
}

// Part is what a process may do for the time For, counted from before it asked.
type Part struct {
	Sessions int           `json:"sessions"` // at a time; 0: none
	Spacing  time.Duration `json:"spacing"`  // between two requests
	For      time.Duration `json:"for"`
	Wait     time.Duration `json:"wait,omitempty"` // until it is useful to ask again, if there are no sessions
	Breaker  Breaker       `json:"breaker"`
}
