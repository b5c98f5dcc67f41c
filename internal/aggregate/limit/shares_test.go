// The parts of processes, and the circuit breaker, step by step.

package limit

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

var (
	begin  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	shared = Limits{Requests: 60, Per: time.Minute, Sessions: 4, Failures: 3, Wait: time.Minute, Longest: 3 * time.Minute}
)

// desk is an institution that processes ask at times. Its state is what a history keeps of it.
type desk struct {
	t      *testing.T
	shares Shares
}

// ask asks at a time, and compares the sessions and the state of the breaker.
func (d *desk) ask(after time.Duration, a Ask, want string) Part {
	d.t.Helper()
	text, err := json.Marshal(d.shares)
	if err != nil {
		d.t.Fatal(err)
	}
	d.shares = Shares{}
	if err := json.Unmarshal(text, &d.shares); err != nil {
		d.t.Fatal(err)
	}
	a.Limits = shared
	part := d.shares.Lease(begin.Add(after), a)
	if got := fmt.Sprint(part.Sessions, " ", part.Breaker.State); got != want {
		d.t.Errorf("after %s, %+v: %q, want %q", after, a, got, want)
	}
	return part
}

func TestPartsOfProcesses(t *testing.T) {
	t.Parallel()
	d := &desk{t: t}
	alone := d.ask(0, Ask{Process: "a", Want: 9}, "4 ")
	if want := shared.spacing(); alone.Spacing != want || alone.For != LeaseTime {
		t.Errorf("%+v, want a spacing of %s", alone, want)
	}
	if part := d.ask(time.Second, Ask{Process: "b", Want: 1}, "0 "); part.Wait != time.Second {
		t.Errorf("there is no place yet: %+v", part)
	}
	if part := d.ask(2*time.Second, Ask{Process: "a", Want: 9, Open: 2}, "2 "); part.Spacing != 2*alone.Spacing {
		t.Errorf("half of the requests: %+v", part)
	}
	d.ask(3*time.Second, Ask{Process: "b", Want: 9}, "2 ")
	d.ask(4*time.Second, Ask{Process: "a", Open: 0}, "0 ")  // it wants nothing more
	d.ask(5*time.Second, Ask{Process: "b", Want: 9}, "2 ")  // what a had stays taken until its lease ends
	d.ask(13*time.Second, Ask{Process: "b", Want: 9}, "4 ") // which was at 12 s
	d.ask(14*time.Second, Ask{Process: "c", Want: 1}, "0 ") // b dies
	d.ask(22*time.Second, Ask{Process: "c", Want: 1}, "0 ") // its lease
	d.ask(23*time.Second, Ask{Process: "c", Want: 1}, "1 ") // ends at 23 s
	if d.shares.IsIdle(begin.Add(32*time.Second)) || !d.shares.IsIdle(begin.Add(33*time.Second)) {
		t.Error("it is idle when the last lease has ended")
	}
}

// TestOpenSessionsGoOn: a process is never given fewer sessions than it has, and others only what is left.
func TestOpenSessionsGoOn(t *testing.T) {
	t.Parallel()
	d := &desk{t: t}
	d.ask(0, Ask{Process: "a", Want: 4}, "4 ")
	d.ask(time.Second, Ask{Process: "b", Want: 4}, "0 ")
	d.ask(2*time.Second, Ask{Process: "a", Want: 4, Open: 4}, "4 ")
	d.ask(3*time.Second, Ask{Process: "b", Want: 4}, "0 ")
	d.ask(4*time.Second, Ask{Process: "a", Want: 3, Open: 3}, "3 ")
	d.ask(5*time.Second, Ask{Process: "b", Want: 4}, "1 ")
}

func failedAsk(process string, n int) Ask {
	return Ask{Process: process, Want: 1, Report: Report{Failed: n}}
}

func succeededAsk(process string) Ask {
	return Ask{Process: process, Want: 1, Report: Report{Succeeded: 1}}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	d := &desk{t: t}
	minute := func(n float64) time.Duration { return time.Duration(n * float64(time.Minute)) }
	d.ask(0, failedAsk("a", 2), "1 ")
	d.ask(minute(1), succeededAsk("b"), "1 ") // not in a row
	d.ask(minute(2), failedAsk("a", 2), "1 ")
	if part := d.ask(minute(3), failedAsk("b", 1), "0 open"); part.Wait != time.Minute {
		t.Errorf("%+v", part)
	}
	d.ask(minute(3.5), Ask{Process: "c", Want: 1}, "0 open")
	d.ask(minute(3.5), failedAsk("c", 5), "0 open") // of sessions that began before
	d.ask(minute(4), Ask{Process: "a", Want: 4}, "1 half-open")
	d.ask(minute(4.1), Ask{Process: "b", Want: 1}, "0 half-open")
	d.ask(minute(4.2), failedAsk("b", 1), "0 half-open") // of a session that began before
	if part := d.ask(minute(5), failedAsk("a", 1), "0 open"); part.Wait != 2*time.Minute {
		t.Errorf("twice as long: %+v", part)
	}
	d.ask(minute(7), Ask{Process: "b", Want: 1}, "1 half-open") // it dies
	d.ask(minute(8.9), Ask{Process: "a", Want: 1}, "0 half-open")
	d.ask(minute(9), Ask{Process: "a", Want: 1}, "1 half-open")
	if part := d.ask(minute(9.1), failedAsk("a", 1), "0 open"); part.Wait != shared.Longest {
		t.Errorf("at most %s: %+v", shared.Longest, part)
	}
	d.ask(minute(13), Ask{Process: "a", Want: 1}, "1 half-open")
	if d.shares.IsIdle(begin.Add(minute(60))) {
		t.Error("the breaker would be lost")
	}
	d.ask(minute(13.1), succeededAsk("a"), "1 ")
	if !d.shares.IsIdle(begin.Add(minute(14))) {
		t.Errorf("%+v", d.shares)
	}
}

// TestRetryAfter: nobody has a session until the institution wants to be asked again.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	d := &desk{t: t}
	d.ask(0, Ask{Process: "a", Want: 1}, "1 ")
	if part := d.ask(time.Second, Ask{Process: "a", Want: 1, Report: Report{RetryAfter: time.Minute}}, "0 "); part.Wait != time.Minute {
		t.Errorf("%+v", part)
	}
	d.ask(2*time.Second, Ask{Process: "b", Want: 1, Report: Report{RetryAfter: time.Second}}, "0 ") // which is sooner
	if d.shares.IsIdle(begin.Add(time.Minute)) {
		t.Error("the time would be lost")
	}
	d.ask(61*time.Second, Ask{Process: "b", Want: 1}, "1 ")
}
