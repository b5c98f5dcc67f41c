// Books that change while they are read: in the middle of the pages of an institution.

package app

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/tools/bank"
)

// TestChangesWhileRead changes the books after the first answer of a fetch that has several. What was read before the change is corrected by the
// next refresh, and until then it is not called proven.
func TestChangesWhileRead(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"ofx", "simplefin", "cursor"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			p := &play{scripted: openScripted(t, protocol)}
			p.open()
			p.refresh("opening", "CLAIMED")
			p.bank.Advance(25 * 24 * time.Hour)
			p.act(func(l *bank.Ledger) { l.Book(-2_500) })
			p.refresh("later", "PROVEN")
			for i, c := range []struct {
				name   string
				change func(l *bank.Ledger)
			}{
				{"booked", func(l *bank.Ledger) { l.Book(-300) }},
				{"posted", func(l *bank.Ledger) { l.Post(p.numbers["tip"], -4_600) }},
				{"corrected", func(l *bank.Ledger) { l.Correct(p.numbers["rent"], -91_000) }},
				{"relinked", (*bank.Ledger).Relink},
				{"vanished", func(l *bank.Ledger) { l.Vanish(p.numbers["gone"]) }},
			} {
				p.act(func(l *bank.Ledger) { // more than one page
					for cents := range int64(4) {
						l.Book(-1000*int64(i+1) - cents)
					}
				})
				p.changeWhileRead(c.change)
				one := mustRefresh(t, p.app, p.ref)
				truth := p.bank.Truth(p.id)
				want := "PROVEN"
				if centsOf(t, one.Standing.Posted) != sumOf(truth.Posted) {
					want = "UNKNOWN"
				}
				if got := one.Standing.Verdict; got != want {
					t.Errorf("%s while it is read: %s, want %s: %s", c.name, got, want, one.Standing.Reason)
				}
				if balance := centsOf(t, one.Standing.Balance); balance != truth.Booked {
					t.Errorf("%s while it is read: the balance is %s, in the books %d cents", c.name, one.Standing.Balance, truth.Booked)
				}
				p.join()
				p.bank.Advance(time.Hour)
				p.refresh(c.name+", and read again", "PROVEN")
			}
			p.fromEvents()
		})
	}
}

// changeWhileRead has the books change after the first answer of the next fetch.
func (p *play) changeWhileRead(change func(l *bank.Ledger)) {
	var once sync.Once
	connectors := p.app.refresher().Connectors
	if c, is := connectors[p.protocol].(changing); is {
		connectors[p.protocol] = c.Connector
	}
	connectors[p.protocol] = changing{connectors[p.protocol], func() { once.Do(func() { p.act(change) }) }}
}

// changing is a connector in whose sessions something happens after the first answer of the institution.
type changing struct {
	connector.Connector
	change func()
}

func (c changing) LogIn(ctx context.Context, l connector.Login) (connector.Session, error) {
	own := *l.HTTP
	own.Transport = &afterAnswer{RoundTripper: own.Transport, change: c.change}
	l.HTTP = &own
	return c.Connector.LogIn(ctx, l)
}

// afterAnswer calls change after each answer.
type afterAnswer struct {
	http.RoundTripper
	change func()
}

func (a *afterAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := a.RoundTripper.RoundTrip(r)
	if err == nil {
		a.change()
	}
	return answer, err
}
