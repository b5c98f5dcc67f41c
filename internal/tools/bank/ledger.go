// The books of one account: what is posted, what is pending, and the log of changes that cursors point into.

package bank

import (
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"
)

// Ledger is the books of one account. Its methods are for Act, which locks it.
type Ledger struct {
	mu       sync.Mutex
	key      uint64
	card     bool
	activity Activity
	tick     int64 // up to which the activity was generated
	start    int64 // the tick of the institution's start
	issue    uint64
	numbers  int64 // how many transactions there have been
	opening  int64
	balance  int64
	due      int64
	damage   Damage

	damageNext bool // the damage does not wait for the day after the start

	posted  []*record // by time
	pending []*record
	log     []change
	base    int // where a reader without a cursor begins in the log
}

// record is a transaction under one id. What is posted under another id is another record with the same number.
type record struct {
	number   int64
	id       uint64
	cents    int64
	made     int64 // tick
	booked   int64 // tick; 0 while it is pending
	replaces uint64
	words    uint64 // its texts follow from it
}

func (r *record) pending() bool { return r.booked == 0 }

// change is an entry of the log.
type change struct {
	kind   changeKind
	record *record
}

type changeKind uint8

const (
	added changeKind = iota
	modified
	removed
)

// init opens the books. The activity before the start has no history of its own: readers find its result.
func (l *Ledger) init(key uint64, isCard bool, a Activity, first, start int64, planned Damage) {
	l.key, l.card, l.activity, l.tick, l.start, l.damage = key, isCard, a, first, start, planned
	l.opening = int64(mix(key, label("opening"))%500_000) + 100_000
	if isCard {
		l.opening = -l.opening / 5
	}
	l.balance = l.opening
}

func (l *Ledger) id(number int64, phase uint64) uint64 {
	return mix(l.key, uint64(number), phase, l.issue)
}

// The phases of a transaction, each with an id of its own.
const (
	phasePending uint64 = iota
	phasePosted
)

// Pend adds a pending transaction and returns its number, which stays the same whatever happens to its id. The activity posts it some time.
func (l *Ledger) Pend(cents int64) int64 {
	l.numbers++
	r := l.create(l.numbers, phasePending, cents)
	l.pending = append(l.pending, r)
	l.log = append(l.log, change{added, r})
	return r.number
}

// Book adds a transaction that is posted at once, and returns its number.
func (l *Ledger) Book(cents int64) int64 {
	l.numbers++
	l.post(l.create(l.numbers, phasePosted, cents))
	return l.numbers
}

func (l *Ledger) create(number int64, phase uint64, cents int64) *record {
	return &record{number: number, id: l.id(number, phase), cents: cents, made: l.tick, words: mix(l.key, label("words"), uint64(number))}
}

// Post posts a pending transaction under a new id, with an amount that may be another one. It reports whether there is one.
func (l *Ledger) Post(number, cents int64) bool {
	p := l.takePending(number)
	if p == nil {
		return false
	}
	r := l.create(number, phasePosted, cents)
	r.made = p.made
	if number%4 != 0 { // not every institution says which one it was
		r.replaces = p.id
	}
	l.post(r)
	return true
}

// Vanish removes a pending transaction that never comes to anything. It reports whether there was one.
func (l *Ledger) Vanish(number int64) bool { return l.takePending(number) != nil }

// Correct changes the amount of a posted transaction, which keeps its id. It reports whether there is one.
func (l *Ledger) Correct(number, cents int64) bool {
	i := slices.IndexFunc(l.posted, func(r *record) bool { return r.number == number })
	if i < 0 {
		return false
	}
	r := l.posted[i]
	l.balance += cents - r.cents
	r.cents = cents
	l.log = append(l.log, change{modified, r})
	return true
}

// Relink gives every transaction a new id. Readers with a cursor see the old ones removed and the new ones added.
func (l *Ledger) Relink() {
	l.issue++
	for _, list := range [][]*record{l.posted, l.pending} {
		for _, r := range list {
			l.log = append(l.log, change{removed, r})
		}
	}
	l.base = len(l.log)
	for i, r := range l.pending {
		l.pending[i] = l.reissue(r, phasePending)
	}
	for i, r := range l.posted {
		l.posted[i] = l.reissue(r, phasePosted)
	}
}

func (l *Ledger) reissue(r *record, phase uint64) *record {
	issued := *r
	issued.id, issued.replaces = l.id(r.number, phase), 0
	l.log = append(l.log, change{added, &issued})
	return &issued
}

func (l *Ledger) takePending(number int64) *record {
	i := slices.IndexFunc(l.pending, func(r *record) bool { return r.number == number })
	if i < 0 {
		return nil
	}
	r := l.pending[i]
	l.pending = slices.Delete(l.pending, i, i+1)
	l.log = append(l.log, change{removed, r})
	return r
}

func (l *Ledger) post(r *record) {
	r.booked = l.tick
	l.posted = append(l.posted, r)
	l.balance += r.cents
	l.log = append(l.log, change{added, r})
	l.applyDamage(r)
}

// touch reports a posted transaction as modified although nothing is different, as institutions do while their data is read.
func (l *Ledger) touch() {
	if len(l.posted) > 0 {
		l.log = append(l.log, change{modified, l.posted[len(l.posted)-1]})
	}
}

// between returns what was posted from one time on until before another.
func (l *Ledger) between(from, to time.Time) []*record {
	first := sort.Search(len(l.posted), func(i int) bool { return !tickTime(l.posted[i].booked).Before(from) })
	last := sort.Search(len(l.posted), func(i int) bool { return !tickTime(l.posted[i].booked).Before(to) })
	return l.posted[first:max(first, last)]
}

// available is what can be spent.
func (l *Ledger) available() int64 {
	sum := l.balance
	if l.card {
		sum += creditLimit
	}
	for _, r := range l.pending {
		sum += r.cents
	}
	return sum
}

// creditLimit is that of every card.
const creditLimit = 10_000_00

const day = 24 * time.Hour

func tickTime(n int64) time.Time { return time.Unix(n*int64(tick/time.Second), 0).UTC() }

func dayText(tick int64) string { return tickTime(tick).Format(time.DateOnly) }

// amount writes cents as a decimal.
func amount(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

func (r *record) idText() string { return idText(r.id) }

func idText(id uint64) string { return fmt.Sprintf("%016x", id) }
