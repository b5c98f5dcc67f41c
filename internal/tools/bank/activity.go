// What happens on accounts while time passes.

package bank

import (
	"math/rand/v2"
	"time"
)

// Activity says how much happens on an account. Shares are from 0 to 1; a negative one is 0, and 0 is the default.
type Activity struct {
	PerMonth int     // transactions; 0 is 30; with a negative number nothing happens by itself
	Pending  float64 // share of transactions that are pending first; 0.5
	Tip      float64 // share of pending ones that are posted with another amount; 0.2
	Vanish   float64 // share of pending ones that are never posted; 0.05
	Correct  float64 // share of posted ones whose amount is corrected some days later, by the institution; none
}

func (a Activity) withDefaults() Activity {
	if a.PerMonth == 0 {
		a.PerMonth = 30
	}
	for _, d := range []struct {
		value *float64
		usual float64
	}{{&a.Pending, 0.5}, {&a.Tip, 0.2}, {&a.Vanish, 0.05}} {
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	return a
}

// A tick is the unit of activity: everything of a tick happens at its start.
const (
	tick          = 6 * time.Hour
	ticksPerDay   = int64(day / tick)
	ticksPerMonth = 30 * ticksPerDay
)

func tickOf(t time.Time) int64 { return t.Unix() / int64(tick/time.Second) }

// simulate generates the activity up to a tick. It follows from the key and the ticks alone, so it does not matter when it is called.
func (l *Ledger) simulate(until int64) {
	for l.tick < until {
		l.tick++
		l.step(rand.New(rand.NewPCG(l.key, uint64(l.tick))))
		if l.tick == l.start {
			l.forget()
		}
	}
}

// forget drops how the state at the start came about: a reader without a cursor sees each transaction once.
func (l *Ledger) forget() {
	l.log = l.log[:0]
	for _, list := range [][]*record{l.posted, l.pending} {
		for _, r := range list {
			r.replaces = 0
			l.log = append(l.log, change{added, r})
		}
	}
}

func (l *Ledger) step(random *rand.Rand) {
	if now := tickTime(l.tick); l.card && now.Day() == 1 && now.Hour() == 0 {
		l.due = max(0, -l.balance)
	}
	if l.activity.PerMonth < 0 {
		return
	}
	l.settle(random)
	l.correct(random)
	expected := float64(l.activity.PerMonth) / float64(ticksPerMonth)
	for count := int(expected + random.Float64()); count > 0; count-- {
		cents := l.randomAmount(random)
		if random.Float64() < l.activity.Pending {
			l.Pend(cents)
		} else {
			l.Book(cents)
		}
	}
}

// settle posts some pending transactions, and lets others vanish. One is pending for a day on average.
func (l *Ledger) settle(random *rand.Rand) {
	for _, r := range append([]*record(nil), l.pending...) {
		if random.IntN(int(ticksPerDay)) != 0 {
			continue
		}
		switch cents := r.cents; {
		case random.Float64() < l.activity.Vanish:
			l.Vanish(r.number)
		case random.Float64() < l.activity.Tip:
			l.Post(r.number, cents+cents*(5+random.Int64N(20))/100)
		default:
			l.Post(r.number, cents)
		}
	}
}

// correct changes an amount of the last days.
func (l *Ledger) correct(random *rand.Rand) {
	expected := l.activity.Correct * float64(l.activity.PerMonth) / float64(ticksPerMonth)
	if expected <= 0 || random.Float64() >= expected || len(l.posted) == 0 {
		return
	}
	r := l.posted[len(l.posted)-1-random.IntN(min(len(l.posted), 10))]
	if r.number != l.damage.Number {
		l.Correct(r.number, r.cents-1-random.Int64N(500))
	}
}

// randomAmount is mostly something that was bought; cards are paid and accounts get wages now and then.
func (l *Ledger) randomAmount(random *rand.Rand) int64 {
	seldom := 10
	if l.card {
		seldom = 20
	}
	if random.IntN(seldom) == 0 {
		return 1000 + random.Int64N(200_000)
	}
	return -1 - random.Int64N(20_000)
}

var parties = [...]string{
	"Corner Bakery", "Smith & Sons Hardware", "City Transit", "Fresh Market 24/7", "Lena's Bistro", "Northern Power", "Book <Nook>", "Cafe Mozart",
	"Harbour Fuel", "Green Grocer", "Cinema \"Lux\"", "Telecom One", "ACME Payroll", "Water & Waste", "Pharmacy No. 5", "Garden Centre",
}

var purposes = [...]string{"card purchase", "invoice", "order", "monthly fee", "terminal", "reference"}

func (r *record) party() string { return parties[r.words%uint64(len(parties))] }

func (r *record) purpose() string {
	return purposes[r.words>>8%uint64(len(purposes))] + " " + idText(r.words)[:6]
}
