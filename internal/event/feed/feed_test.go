// Tests of pages: order, paging, what is excluded, what is gone, and intake meanwhile.

package feed_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/eventtest"
	"bursar/internal/event/feed"
	"bursar/internal/event/live"
	"bursar/internal/event/repair"
	"bursar/internal/event/retract"
	"bursar/internal/object"
)

// harness is a test's stores and stream, and a reader of it.
type harness struct {
	*eventtest.Harness
	reader *feed.Reader
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{Harness: eventtest.New(t, eventtest.PlainYAML)}
	h.restart()
	return h
}

// restart forgets what the reader knows.
func (h *harness) restart() { h.reader = feed.New(h.Store) }

var generous = feed.Limit{Rows: 1000, Bytes: 1 << 20}

func (h *harness) page(after feed.Cursor, limit feed.Limit) feed.Page {
	h.T.Helper()
	p, err := h.reader.Read(h.T.Context(), h.Stream, after, limit)
	if err != nil {
		h.T.Fatal(err)
	}
	return p
}

// begin is the cursor before the first event.
func (h *harness) begin() feed.Cursor { return h.parse("") }

func (h *harness) parse(text string) feed.Cursor {
	h.T.Helper()
	c, err := feed.ParseCursor(h.Stream.Name, text)
	if err != nil {
		h.T.Fatal(err)
	}
	return c
}

// all reads pages to the end, each with a new reader, as after a restart.
func (h *harness) all(limit feed.Limit) (events []string, pages int) {
	h.T.Helper()
	after := h.begin()
	for {
		h.restart()
		p := h.page(after, limit)
		for _, e := range p.Events {
			events = append(events, string(e))
		}
		pages, after = pages+1, h.parse(p.Next)
		if !p.More {
			return events, pages
		}
		if len(p.Events) == 0 {
			h.T.Fatal("an empty page is not the last")
		}
	}
}

// stored reads all sealed events by the view that exports have, in the order of the feed.
func (h *harness) stored() (ids []string) {
	h.T.Helper()
	for _, b := range h.Batches() {
		err := h.Store.WithEvents(h.T.Context(), h.Stream, []event.Batch{b}, func(session *duck.Session, view string) error {
			return session.Query(h.T.Context(), "SELECT id FROM ("+view+") ORDER BY _file, _row", func(rows []column.Vector) error {
				for n := range rows[0].Len() {
					ids = append(ids, string(rows[0].Text(n)))
				}
				return nil
			})
		})
		if err != nil {
			h.T.Fatal(err)
		}
	}
	return ids
}

// idsOf returns the ids of events.
func idsOf(t testing.TB, events []string) (list []string) {
	t.Helper()
	for _, text := range events {
		var e struct{ ID string }
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e.ID)
	}
	return list
}

// lines are sales with the ids from first to last.
func lines(first, last int) string {
	var b strings.Builder
	for n := first; n <= last; n++ {
		b.WriteString(eventtest.Sale(fmt.Sprint(n), "sale", "1.5", "EUR"))
	}
	return b.String()
}

// TestPages reads the same events, in the same order, whatever the size of pages. The cursor of the end gives what is sealed later.
func TestPages(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	if p := h.page(h.begin(), generous); len(p.Events) > 0 || p.More || p.Next != h.begin().String() {
		t.Errorf("an empty stream has the page %+v", p)
	}
	h.Ingest("1 10 10 0 0", h.File("b.jsonl", lines(1, 3)), h.File("a.jsonl", lines(4, 10)))
	h.Ingest("2 2 0 1 1", h.File("c.jsonl", lines(3, 3)+eventtest.Sale("x", "gift", "1", "EUR")))
	h.Ingest("3 1 1 0 0", h.File("d.jsonl", lines(11, 11)))
	h.Ingest("4 40 40 0 0", h.File("e.jsonl", lines(12, 51)))
	want := h.stored()
	if len(want) != 51 {
		t.Fatalf("%d events are stored", len(want))
	}
	first := h.page(h.begin(), feed.Limit{Rows: 1, Bytes: 1})
	if got := string(first.Events[0]); got != `{"id":"1","kind":"sale","amount":"1.50","currency":"EUR","note":null}` || !first.More {
		t.Errorf("the first page is %s, %v", got, first.More)
	}
	for _, limit := range []feed.Limit{{Rows: 1, Bytes: 1 << 20}, {Rows: 7, Bytes: 1 << 20}, {Rows: 10, Bytes: 1 << 20}, {Rows: 51, Bytes: 1 << 20}, {Rows: 1000, Bytes: 300}, {Rows: 1000, Bytes: 1}, generous} {
		events, pages := h.all(limit)
		if got := idsOf(t, events); !slices.Equal(got, want) {
			t.Errorf("%+v: the pages have %v, want %v", limit, got, want)
		}
		if least := (len(want) + limit.Rows - 1) / limit.Rows; pages < least || limit.Bytes > 1000 && pages > least {
			t.Errorf("%+v: %d pages, want %d", limit, pages, least)
		}
	}
	end := h.parse(h.page(h.begin(), generous).Next)
	latest, err := h.reader.After(t.Context(), "sales", feed.LatestText)
	if err != nil || latest != end {
		t.Errorf("the latest cursor is %+v, %v; the one of the end %+v", latest, err, end)
	}
	h.Ingest("5 1 1 0 0", h.File("f.jsonl", lines(52, 52)))
	if p := h.page(end, generous); len(p.Events) != 1 || p.More {
		t.Errorf("after the end there is %+v", p)
	}
}

// TestLargeBatch pages through a batch whose objects are written side by side.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const rows = 420_000
	var b strings.Builder
	note := strings.Repeat("n", 180)
	for n := range rows {
		fmt.Fprintf(&b, `{"id":"%d","kind":"sale","amount":"1","currency":"EUR","note":%q}`+"\n", n, note)
	}
	h.Ingest(fmt.Sprintf("1 %d %[1]d 0 0", rows), h.File("a.jsonl", b.String()))
	if n := len(h.Batches()[0].Objects); n < 3 {
		t.Fatalf("the batch has %d objects", n)
	}
	after, next := h.begin(), 0
	for more := true; more; {
		p := h.page(after, feed.Limit{Rows: 10_000, Bytes: 1 << 30})
		for _, e := range p.Events {
			if want := fmt.Sprintf(`{"id":"%d",`, next); !strings.HasPrefix(string(e), want) {
				t.Fatalf("event %d is %s", next, e)
			}
			next++
		}
		after, more = p.Cursor(), p.More
	}
	if next != rows {
		t.Errorf("%d events, want %d", next, rows)
	}
}

// TestRetracted marks events that are retracted, and keeps the cursors.
func TestRetracted(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.Ingest("1 3 3 0 0", h.File("a.jsonl", lines(1, 3)))
	h.Ingest("2 2 2 0 0", h.File("b.jsonl", lines(4, 5)))
	before, _ := h.all(generous)
	h.Retract("1 1", retract.Options{Event: "2", Reason: "wrong"})
	h.RetractBatch("2 2", 2)
	events, pages := h.all(feed.Limit{Rows: 2, Bytes: 1 << 20})
	if pages != 3 || !slices.Equal(idsOf(t, events), idsOf(t, before)) {
		t.Errorf("%d pages of %v", pages, events)
	}
	for i, e := range events {
		if marked, want := strings.HasSuffix(e, `,"_retracted":true}`), i == 1 || i > 2; marked != want {
			t.Errorf("event %s: want marked %v", e, want)
		}
	}
	if p := h.page(h.begin(), generous); p.Retractions != 2 {
		t.Errorf("the last retraction is %d", p.Retractions)
	}
}

// wantGone reads after a cursor, expects a GoneError, and returns it.
func (h *harness) wantGone(after feed.Cursor) *feed.GoneError {
	h.T.Helper()
	p, err := h.reader.Read(h.T.Context(), h.Stream, after, generous)
	var gone *feed.GoneError
	if !errors.As(err, &gone) {
		h.T.Fatalf("the page is %+v, %v", p, err)
	}
	return gone
}

// TestGivenUp stops at a batch that was given up, and goes on with the cursor that the error has.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for n := 1; n <= 3; n++ {
		h.Ingest(fmt.Sprintf("%d 2 2 0 0", n), h.File(fmt.Sprint(n), lines(2*n-1, 2*n)))
	}
	within := h.page(h.begin(), feed.Limit{Rows: 3, Bytes: 1 << 20}).Cursor()
	second := h.Batches()[1]
	for _, o := range second.Objects {
		if err := os.Remove(h.Object(o.Name)); err != nil {
			t.Fatal(err)
		}
	}
	h.restart()
	if _, err := h.reader.Read(t.Context(), h.Stream, within, generous); !object.IsDamage(err) {
		t.Errorf("without an object: %v", err)
	}
	give := repair.GiveUp{Batches: []uint64{2}, Reason: "no copy has it"}
	if done, err := repair.Stream(t.Context(), h.Store, h.Stream, eventtest.NoBackup{}, give); err != nil || len(done.Broken) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	p := h.page(h.begin(), generous)
	if len(p.Events) != 2 || !p.More {
		t.Errorf("before it there is %+v", p)
	}
	for _, at := range []feed.Cursor{p.Cursor(), within} {
		gone := h.wantGone(at)
		if !strings.Contains(gone.What, "no copy has it") {
			t.Error(gone)
		}
		next := h.parse(gone.Hint[strings.LastIndexByte(gone.Hint, ' ')+1:])
		if p := h.page(next, generous); len(p.Events) != 2 || p.More || !strings.HasPrefix(string(p.Events[0]), `{"id":"5"`) {
			t.Errorf("behind it there is %+v", p)
		}
	}
}

// TestOlderCopy refuses cursors of batches that the catalog lost, also once other batches have their numbers.
func TestOlderCopy(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", lines(1, 1)))
	h.Ingest("2 2 2 0 0", h.File("b.jsonl", lines(2, 3)))
	within := h.page(h.begin(), feed.Limit{Rows: 2, Bytes: 1 << 20}).Cursor()
	end := h.page(h.begin(), generous).Cursor()
	err := h.Store.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		state, err := event.GetState(tx, "sales")
		state.Batches = 1
		return errors.Join(err, event.PutState(tx, "sales", &state))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = h.wantGone(within), h.wantGone(end)
	other := h.Batches()[1]
	other.Sealed = other.Sealed.Add(time.Second)
	err = h.Store.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		state, err := event.GetState(tx, "sales")
		state.Batches = 2
		return errors.Join(err, event.PutState(tx, "sales", &state), event.PutBatch(tx, &other))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = h.wantGone(within), h.wantGone(end)
}

// TestIntakeMeanwhile reads while events are accepted and sealed: each is on one page.
func TestIntakeMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	l := h.StartLive(live.Options{})
	const batches, each = 30, 5
	var group sync.WaitGroup
	group.Go(func() {
		for n := range batches {
			body := lines(n*each, n*each+each-1)
			if _, err := l.Accept(t.Context(), live.Request{Body: []byte(body)}); err != nil {
				t.Error(err)
				return
			}
			if err := l.Seal(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	seen, after := map[string]int{}, h.begin()
	for len(seen) < batches*each && !t.Failed() {
		if err := h.reader.Await(t.Context(), "sales", after); err != nil {
			t.Fatal(err)
		}
		for more := true; more; {
			p := h.page(after, feed.Limit{Rows: 3, Bytes: 1 << 20})
			for _, e := range p.Events {
				seen[string(e)]++
			}
			after, more = p.Cursor(), p.More
		}
	}
	group.Wait()
	for e, n := range seen {
		if n != 1 {
			t.Errorf("%s is on %d pages", e, n)
		}
	}
	if p := h.page(after, generous); len(p.Events) > 0 {
		t.Errorf("%d more events", len(p.Events))
	}
}
