// Injected faults, chosen by a seeded random source.

package mailtest

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Faults are the probabilities of faults, each from 0 to 1, tried in this order for every message. The zero value injects none.
type Faults struct {
	Seed uint64

	Refuse        float64 // 451 at RCPT
	RefuseForGood float64 // 550 at RCPT
	Stall         float64 // RCPT is answered only after StallFor
	Drop          float64 // the connection breaks at RCPT
	DropDuring    float64 // the connection breaks while the message is received; it is not stored
	StallAfter    float64 // the message is stored, and answered only after StallFor
	DropAfter     float64 // the message is stored, and the connection breaks before the answer

	StallFor time.Duration // 0 is a second
}

// injector draws faults.
type injector struct {
	mu     sync.Mutex
	faults Faults
	random *rand.Rand
}

func (i *injector) set(f Faults) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if f.StallFor == 0 {
		f.StallFor = time.Second
	}
	i.faults, i.random = f, rand.New(rand.NewPCG(f.Seed, 0))
}

// plan is what happens to one message.
type plan struct {
	refuse, refuseForGood, stall, drop, dropDuring, stallAfter, dropAfter bool

	stallFor time.Duration
}

// draw chooses at most one fault.
func (i *injector) draw() plan {
	i.mu.Lock()
	defer i.mu.Unlock()
	f, p := i.faults, plan{stallFor: i.faults.StallFor}
	for _, fault := range []struct {
		probability float64
		chosen      *bool
	}{
		{f.Refuse, &p.refuse},
		{f.RefuseForGood, &p.refuseForGood},
		{f.Stall, &p.stall},
		{f.Drop, &p.drop},
		{f.DropDuring, &p.dropDuring},
		{f.StallAfter, &p.stallAfter},
		{f.DropAfter, &p.dropAfter},
	} {
		if i.random.Float64() < fault.probability {
			*fault.chosen = true
			break
		}
	}
	return p
}
