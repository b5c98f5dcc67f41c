// What is true of an account, and where the institution's answers are damaged on purpose.

package bank

import "fmt"

// Truth is the state of an account now.
type Truth struct {
	Account, Currency string
	Opening           int64   // cents, before the first posted transaction
	Posted            []Entry // by day
	Pending           []Entry
	Booked, Available int64 // cents
	Due               int64 // cents to be paid for a card
}

// Entry is a transaction. Its number identifies it whatever its ids are.
type Entry struct {
	Number int64
	Cents  int64
	Day    string // when it was posted; while it is pending, when it was made
	ID     string // by which it is reported now
}

// Truth returns the books of an account, undamaged.
func (b *Bank) Truth(id string) Truth {
	a := b.must(id)
	t := Truth{Account: id, Currency: a.currency}
	b.act(a, func(l *Ledger) {
		t.Opening, t.Booked, t.Available, t.Due = l.opening, l.balance, l.available(), l.due
		for _, r := range l.posted {
			t.Posted = append(t.Posted, Entry{r.number, r.cents, dayText(r.booked), r.idText()})
		}
		for _, r := range l.pending {
			t.Pending = append(t.Pending, Entry{r.number, r.cents, dayText(r.made), r.idText()})
		}
	})
	return t
}

// Damage is how the answers about an account differ from the truth.
type Damage struct {
	Account string
	Kind    DamageKind
	Number  int64  // of the transaction that is damaged, or with which the balance becomes wrong; 0: it has not been posted yet
	Day     string // on which it is posted
}

// DamageKind is a kind of damage.
type DamageKind uint8

// The kinds of damage.
const (
	Undamaged    DamageKind = iota
	Shortened               // a transaction is missing
	Doubled                 // one is listed twice, under two ids
	Altered                 // one has another amount
	WrongBalance            // stated balances are off by a cent from a transaction on
)

var damageNames = [...]string{"undamaged", "shortened", "doubled", "altered", "wrong balance"}

// String is for people.
func (k DamageKind) String() string {
	if int(k) < len(damageNames) {
		return damageNames[k]
	}
	return fmt.Sprintf("damage(%d)", k)
}

func plannedDamage(f Faults, key uint64) Damage {
	drawn := share(key, label("damage"))
	for _, d := range []struct {
		share float64
		kind  DamageKind
	}{{f.Shortened, Shortened}, {f.Doubled, Doubled}, {f.Altered, Altered}, {f.WrongBalance, WrongBalance}} {
		if drawn < d.share {
			return Damage{Kind: d.kind}
		}
		drawn -= d.share
	}
	return Damage{}
}

// Damaged lists the accounts whose answers are or will be damaged. The damage affects the first transaction that is posted after the day of the
// start, or after the call of Damage, in every protocol: a client that fetched the account before is able to find it.
func (b *Bank) Damaged() (list []Damage) {
	for _, a := range b.accounts {
		a.ledger.mu.Lock()
		if a.ledger.damage.Kind != Undamaged {
			a.ledger.simulate(tickOf(b.now()))
			d := a.ledger.damage
			d.Account = a.currentID()
			list = append(list, d)
		}
		a.ledger.mu.Unlock()
	}
	return list
}

// Damage damages the next transaction that is posted on an account; Undamaged repairs all.
func (b *Bank) Damage(id string, kind DamageKind) {
	b.Act(id, func(l *Ledger) { l.damage, l.damageNext = Damage{Kind: kind}, true })
}

// applyDamage remembers the first transaction that a planned damage affects.
func (l *Ledger) applyDamage(r *record) {
	d := &l.damage
	if d.Kind == Undamaged || d.Number != 0 || !l.damageNext && l.tick/ticksPerDay <= l.start/ticksPerDay {
		return
	}
	d.Number, d.Day = r.number, dayText(r.booked)
}

// shown returns what the institution lists for a transaction.
func (l *Ledger) shown(r *record) []*record {
	if r.number != l.damage.Number || r.pending() {
		return []*record{r}
	}
	other := *r
	switch l.damage.Kind {
	case Shortened:
		return nil
	case Doubled:
		other.id = mix(r.id, label("doubled"))
		return []*record{r, &other}
	case Altered:
		other.cents += 100
		return []*record{&other}
	}
	return []*record{r}
}

// stated returns the balances that the institution states.
func (l *Ledger) stated() (booked, available int64) {
	booked, available = l.balance, l.available()
	if l.damage.Kind == WrongBalance && l.damage.Number != 0 {
		return booked + 1, available + 1
	}
	return booked, available
}
