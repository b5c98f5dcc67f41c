// A naive bank with a seed, which knows the truth that the ledger must find out from what the bank reports.

package ledger

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"bursar/internal/aggregate/connector"
)

// bankStyle is how a bank reports.
type bankStyle struct {
	name      string
	complete  bool // complete lists of the last days; otherwise what has changed since the last time
	links     bool // it names the pending transaction that a posted one posts
	keepsIDs  bool // a posted transaction has the id of the pending one
	removes   bool // without complete lists: ids that are re-issued are removed
	overlaps  bool // without complete lists: everything of the last days is reported again
	balances  int  // of ten reports, so many state the balance
	backfills bool // the first report is short, and the second one has the history
	hasty     bool // some balances are newer than the list
}

var bankStyles = []bankStyle{
	{name: "complete lists", complete: true, balances: 10},
	{name: "complete lists, links", complete: true, links: true, balances: 7},
	{name: "complete lists, lasting ids", complete: true, keepsIDs: true, balances: 5},
	{name: "complete lists, hasty balances", complete: true, balances: 10, hasty: true},
	{name: "cursor", links: true, removes: true, balances: 10},
	{name: "cursor, hasty balances", links: true, removes: true, balances: 10, hasty: true},
	{name: "cursor, backfill", links: true, removes: true, balances: 8, backfills: true},
	{name: "cursor, overlaps", links: true, removes: true, overlaps: true, balances: 8},
	{name: "cursor, ids not removed", links: true, balances: 10},
	{name: "cursor, ids not removed, some balances", links: true, balances: 4},
	{name: "cursor, ids not removed, no balances", links: true},
	{name: "cursor, lasting ids, no links", keepsIDs: true, removes: true, balances: 9},
}

// payment is an economic transaction of the bank.
type payment struct {
	number       int
	cents        int64
	party, text  string
	made, booked int // days; booked is 0 while it is pending
	ended        bool
	id, pendedAs string
	changed      bool // since the last report
}

type bank struct {
	*rand.Rand
	bankStyle
	opening  int64
	today    int
	last     int // number of the last id
	payments []*payment
	owners   map[string]int // number of the payment, by every id
	removed  []string
	reports  int
	settled  bool // nothing but new payments since the last report
}

const bankWindow = 20

func newBank(style bankStyle, seed uint64) *bank {
	b := &bank{Rand: rand.New(rand.NewPCG(seed, 7)), bankStyle: style, today: bankWindow, owners: map[string]int{}}
	b.opening = b.Int64N(100_000)
	for range 10 {
		b.pay(b.today - b.IntN(bankWindow))
	}
	return b
}

func dayOf(n int) string {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n).Format(dayLayout)
}

func centsOf(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

func (b *bank) newID(p *payment) string {
	b.last++
	id := fmt.Sprintf("%04x-%d", b.Uint32N(1<<16), b.last)
	b.owners[id] = p.number
	return id
}

// add adds a pending payment. Few amounts and parties make many equal ones.
func (b *bank) add(day int) *payment {
	p := &payment{number: len(b.payments) + 1, cents: []int64{-250, -250, -1999, 250, -42, 5000}[b.IntN(6)], made: day, changed: true}
	if b.IntN(3) == 0 {
		p.cents = b.Int64N(20_000) - 15_000
	}
	p.party = []string{"Bar Roma", "Shell", "Kiosk"}[b.IntN(3)]
	p.text = []string{"card", "card", "invoice"}[b.IntN(3)]
	p.id = b.newID(p)
	b.payments = append(b.payments, p)
	return p
}

// pay adds a payment that is posted at once.
func (b *bank) pay(day int) *payment {
	p := b.add(day)
	p.booked = day
	return p
}

// post posts a pending payment, some with a tip and some in other words.
func (b *bank) post(p *payment) {
	p.booked, p.changed, b.settled = b.today, true, false
	if !b.keepsIDs {
		b.removed = append(b.removed, p.id)
		p.pendedAs, p.id = p.id, b.newID(p)
	}
	switch b.IntN(4) {
	case 0:
		p.cents += p.cents * int64(b.IntN(20)) / 100
	case 1:
		p.text += " posted"
	}
}

// live are the payments that the bank has, posted or pending.
func (b *bank) live(posted bool) (list []*payment) {
	for _, p := range b.payments {
		if !p.ended && (p.booked > 0) == posted {
			list = append(list, p)
		}
	}
	return list
}

// end takes a payment back.
func (b *bank) end(p *payment) {
	p.ended, b.settled = true, false
	b.removed = append(b.removed, p.id)
}

// passDays lets some days pass, in which something happens to some payments.
func (b *bank) passDays() {
	for range b.IntN(3) {
		b.today++
		for range b.IntN(3) {
			b.add(b.today)
		}
		for range b.IntN(2) {
			b.pay(b.today)
		}
		for _, p := range b.live(false) {
			switch n := b.IntN(10); {
			case n < 4 && b.today-p.made <= maxPostingDays:
				b.post(p)
			case n == 9 || b.today-p.made > maxPostingDays:
				b.end(p)
			}
		}
		b.correct()
	}
	if b.IntN(6) == 0 && !b.keepsIDs {
		b.relink()
	}
}

// correct changes a recent posted payment, or takes it back.
func (b *bank) correct() {
	list := b.live(true)
	if len(list) == 0 || b.IntN(4) > 0 || b.backfills && b.reports < 2 {
		return
	}
	p := list[b.IntN(len(list))]
	switch {
	case p.booked <= b.today-bankWindow/2:
	case b.IntN(2) == 0:
		b.end(p)
	default:
		p.cents, p.changed, b.settled = p.cents+b.Int64N(9)-4, true, false
	}
}

// relink gives all payments new ids. Banks that do not remove the old ones do so while nothing else happens.
func (b *bank) relink() {
	if !b.complete && !b.removes && !b.settled {
		return
	}
	for _, p := range b.payments {
		if p.ended {
			continue
		}
		if b.complete || b.removes {
			b.removed = append(b.removed, p.id)
		}
		p.id, p.changed = b.newID(p), true
		if p.pendedAs != "" {
			p.pendedAs = ""
		}
	}
}

// balance is the booked balance.
func (b *bank) balance() int64 {
	sum := b.opening
	for _, p := range b.live(true) {
		sum += p.cents
	}
	return sum
}

// report is what the bank reports today.
func (b *bank) report() *connector.Changes {
	b.reports++
	c := &connector.Changes{Account: checking.ID, Currency: "EUR"}
	first := b.today - bankWindow
	if b.complete {
		c.Complete, c.From, c.To = true, dayOf(first), dayOf(b.today)
	}
	for _, p := range b.payments {
		day := p.booked
		if day == 0 {
			day = p.made
		}
		short := b.backfills && b.reports == 1 && day < b.today-5
		isReported := p.changed || b.overlaps && day >= first
		if b.complete {
			isReported = day >= first
		}
		if p.ended || short || !isReported {
			continue
		}
		p.changed = false
		c.Transactions = append(c.Transactions, b.transaction(p))
	}
	b.Shuffle(len(c.Transactions), func(i, j int) { c.Transactions[i], c.Transactions[j] = c.Transactions[j], c.Transactions[i] })
	if !b.complete {
		c.Removed = b.removed
	}
	b.removed, b.settled = nil, true
	if b.IntN(10) < b.balances {
		c.Balances = []connector.Balance{{Kind: connector.Booked, Amount: centsOf(b.balance()), At: dayOf(b.today)}}
	}
	return c
}

func (b *bank) transaction(p *payment) connector.Transaction {
	t := connector.Transaction{ID: p.id, Pending: p.booked == 0, Amount: centsOf(p.cents), Party: p.party, Text: p.text}
	if p.booked > 0 {
		t.Booked = dayOf(p.booked)
	} else {
		t.Made = dayOf(p.made)
	}
	if b.links {
		t.Replaces = p.pendedAs
	}
	return t
}

// truth is what the bank has, as a multiset of contents, without the payments with ids that are excepted.
func (b *bank) truth(posted bool, except map[string]bool) map[string]int {
	all := map[string]int{}
	for _, p := range b.live(posted) {
		if !except[p.id] {
			all[fmt.Sprint(centsOf(p.cents), p.party, p.text, p.booked)]++
		}
	}
	return all
}

// found is what a ledger has, in the same form.
func found(entries map[string]Entry, status Status) map[string]int {
	all := map[string]int{}
	for e := range maps.Values(entries) {
		if e.Status != status {
			continue
		}
		booked := 0
		if day, err := time.Parse(dayLayout, e.Booked); err == nil {
			booked = day.YearDay() - 1
		}
		all[fmt.Sprint(e.Amount, e.Party, e.Text, booked)]++
	}
	return all
}
