// Outages: by command, and by the schedule of the faults.

package bank

import "time"

// Outage is a way in which nothing works.
type Outage uint8

// The outages.
const (
	None        Outage = iota
	Unavailable        // 503
	Reset              // connections are reset when a request arrives
	Hang               // requests are not answered
	Refused            // connections are refused
	outages            // how many there are
)

// Outage starts an outage, or ends it with None.
func (b *Bank) Outage(o Outage) error {
	b.outage.Store(o)
	if o == Refused {
		b.stop()
		return nil
	}
	return b.listen()
}

func (b *Bank) currentOutage() Outage {
	o, _ := b.outage.Load().(Outage)
	return o
}

// Throttle refuses every request for a while, and asks clients to wait as long.
func (b *Bank) Throttle(d time.Duration) { b.throttle.Store(time.Now().Add(d).UnixNano()) }

// throttled returns how long requests are refused from now on.
func (b *Bank) throttled(now time.Time) time.Duration {
	return max(0, time.Duration(b.throttle.Load()-now.UnixNano()))
}

// scheduleOutages has one outage after another, of each kind in turn.
func (b *Bank) scheduleOutages() {
	kind := Outage(mix(b.options.Seed, label("outage")) % uint64(outages-1))
	for {
		if !b.wait(b.faults.OutageEvery) {
			return
		}
		kind = kind%(outages-1) + 1
		b.counts.fault("outage")
		_ = b.Outage(kind) // only the end of one listens again
		if !b.wait(b.faults.OutageFor) {
			return
		}
		for b.Outage(None) != nil {
			if !b.wait(time.Second) { // another process has the port for a moment
				return
			}
		}
	}
}

// wait waits, and reports whether the institution still runs.
func (b *Bank) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-b.closed:
		return false
	}
}
