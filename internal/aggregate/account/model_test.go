// Random lives of accounts beside a naive model of what is begun when.

package account

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// ids are those of the accounts: an id may be anything.
var ids = []string{"1", "a/b", "a%2Fb", "100%", "a", "a/", "ümläut ß", "日本/口座", "..", "checking:42", "a?b#c"}

// modelRules leave little of every quota.
var modelRules = Rules{Every: time.Hour, AccountDay: 4, Day: 12, Reserve: 25}

// modelled is what the model knows of an account.
type modelled struct {
	id                  string
	next, turn          time.Time // zero: not due, or no turn
	refresh             int
	running             bool
	state               State
	scheduled, byPerson int
}

type model struct {
	accounts            map[string]*modelled
	day                 string
	scheduled, byPerson int
}

// turnDay begins a new day.
func (m *model) turnDay(now time.Time) {
	if day := now.Format(time.DateOnly); day != m.day {
		m.day, m.scheduled, m.byPerson = day, 0, 0
		for _, a := range m.accounts {
			a.scheduled, a.byPerson = 0, 0
		}
	}
}

func (m *model) start(a *modelled, now time.Time) {
	a.refresh++
	a.running, a.state, a.turn = true, Waiting, now
}

// due returns what is begun, sorted by id within what is started again, and by the time at which it is due within the rest.
func (m *model) due(now time.Time, ahead int) (begun []string) {
	var waiting, list []*modelled
	for _, a := range m.accounts {
		if !a.turn.IsZero() {
			ahead--
			if now.Sub(a.turn) >= startAgain {
				a.turn = now
				waiting = append(waiting, a)
			}
		}
		if !a.running && !a.next.IsZero() && !a.next.After(now) {
			list = append(list, a)
		}
	}
	slices.SortFunc(waiting, func(a, b *modelled) int { return cmp.Compare(escape(a.id), escape(b.id)) })
	for _, a := range waiting {
		begun = append(begun, fmt.Sprint(a.id, " ", a.refresh))
	}
	slices.SortFunc(list, func(a, b *modelled) int {
		return cmp.Or(a.next.Compare(b.next), cmp.Compare(escape(a.id), escape(b.id)))
	})
	accounts := len(m.accounts)
	for _, a := range list[:max(0, min(ahead, len(list)))] {
		if m.scheduled >= 9 || m.scheduled+m.byPerson >= 12 {
			break
		}
		if a.scheduled >= 3 || a.scheduled+a.byPerson >= 4 {
			a.next = modelRules.Next(refOf(a.id), a.refresh, accounts, now)
			continue
		}
		a.scheduled++
		m.scheduled++
		m.start(a, now)
		begun = append(begun, fmt.Sprint(a.id, " ", a.refresh))
	}
	return begun
}

// ask reports whether a person may ask, and joins a refresh that runs.
func (m *model) ask(a *modelled, now time.Time) (joined, allowed bool) {
	switch {
	case a.running:
		return true, true
	case a.scheduled+a.byPerson >= 4 || m.scheduled+m.byPerson >= 12:
		return false, false
	}
	a.byPerson++
	m.byPerson++
	m.start(a, now)
	return false, true
}

func TestRandomLives(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for life := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, life))
		w, m := newWorld(t), &model{accounts: map[string]*modelled{}}
		for range 150 {
			w.now = w.now.Add(time.Duration(random.ExpFloat64() * float64(6*time.Minute)))
			m.turnDay(w.now)
			what := w.randomStep(m, random)
			w.compare(m)
			if t.Failed() {
				t.Fatalf("seed %d, life %d: after %s", seed, life, what)
			}
		}
	}
}

// randomStep does one of the things that happen to accounts, to the records and to the model, and returns what it was.
func (w *world) randomStep(m *model, random *rand.Rand) string {
	id := ids[random.IntN(len(ids))]
	a := m.accounts[id]
	switch n := random.IntN(12); {
	case n < 3:
		ahead := 1 + random.IntN(6)
		got, _ := w.begun(ahead)
		if want := m.due(w.now, ahead); !slices.Equal(got, want) {
			w.t.Errorf("%d ahead: %q were begun, want %q", ahead, got, want)
		}
		return fmt.Sprint("due ", ahead)
	case a == nil:
		next := w.now.Add(time.Duration(random.IntN(7200)-3600) * time.Second)
		w.addAt(id, next)
		m.accounts[id] = &modelled{id: id, next: next, state: Waiting}
		return "add " + id
	case n == 3:
		err := w.Remove(w.t.Context(), refOf(id))
		if (err != nil) != a.running {
			w.t.Errorf("removed while it runs %v: %v", a.running, err)
		}
		if err == nil {
			delete(m.accounts, id)
		}
		return "remove " + id
	case n == 4:
		_, joined, err := w.AskNow(w.t.Context(), refOf(id), modelRules)
		wantJoined, allowed := m.ask(a, w.now)
		if joined != wantJoined || (err == nil) != allowed || err != nil && !errors.As(err, new(*QuotaError)) {
			w.t.Errorf("asked: joined %v, %v; want %v, allowed %v", joined, err, wantJoined, allowed)
		}
		return "ask for " + id
	}
	return w.randomCall(a, random)
}

// begun begins what is due, and names it with its number.
func (w *world) begun(ahead int) (list []string, err error) {
	out, err := w.Due(w.t.Context(), "acme", modelRules, ahead)
	for _, one := range out.Start {
		list = append(list, fmt.Sprint(one.Account, " ", one.Number))
	}
	return list, err
}

func (w *world) addAt(id string, next time.Time) {
	w.t.Helper()
	if _, err := w.Add(w.t.Context(), []Account{{Ref: refOf(id), Next: next}}); err != nil {
		w.t.Fatal(err)
	}
}

// randomCall makes a call of a step, one in four of an earlier refresh.
func (w *world) randomCall(a *modelled, random *rand.Rand) string {
	names := []string{"begin", "begin", "fetched", "fetched", "retrying", "ask", "reject", "processed", "end", "end"}
	name, refresh := names[random.IntN(len(names))], a.refresh
	if random.IntN(4) == 0 {
		refresh--
	}
	next := time.Time{}
	if random.IntN(5) > 0 {
		next = w.now.Add(time.Duration(random.IntN(3600)) * time.Second)
	}
	ctx, ref := w.t.Context(), refOf(a.id)
	var err error
	if name == "end" {
		_, err = w.End(ctx, ref, refresh, Ending{Next: next})
	} else {
		err = w.lateCalls()[name](ctx, ref, refresh)
	}
	if err != nil {
		w.t.Errorf("%s: %v", name, err)
	}
	if a.running && refresh == a.refresh {
		a.apply(name, next)
	}
	return fmt.Sprint(name, " ", a.id, " ", refresh, " of ", a.refresh)
}

// apply is what a call of the refresh that runs does.
func (a *modelled) apply(name string, next time.Time) {
	states := map[string]State{"begin": Fetching, "fetched": Processing, "retrying": Waiting, "ask": Asking, "reject": Rejected}
	if name == "end" {
		a.running, a.state, a.turn, a.next = false, Waiting, time.Time{}, next
		return
	}
	state, fetches := states[name]
	if !fetches || a.state == Processing {
		return
	}
	a.state = state
	if name == "fetched" || name == "ask" || name == "reject" {
		a.turn = time.Time{}
	}
}

// compare compares the records with the model, and the indexes with the records.
func (w *world) compare(m *model) {
	w.t.Helper()
	w.check()
	var turns []string
	for _, a := range m.accounts {
		if !a.turn.IsZero() {
			turns = append(turns, runningKey(refOf(a.id)))
		}
	}
	slices.Sort(turns)
	if keys := w.turns(); !slices.Equal(keys, turns) {
		w.t.Errorf("%q have a turn, and the model says %q", keys, turns)
	}
	count := 0
	err := w.Each(w.t.Context(), "acme", func(a *Account) error {
		count++
		want := m.accounts[a.Account]
		if want == nil || a.Refresh != want.refresh || a.Running != want.running || a.State != want.state || !a.Running && !a.Next.Equal(want.next) {
			w.t.Errorf("%s is %s, and the model says %+v", a.Ref, textOf(w.t, a), want)
		}
		return nil
	})
	if err != nil || count != len(m.accounts) {
		w.t.Errorf("%d accounts, and the model has %d (%v)", count, len(m.accounts), err)
	}
}
