// Live intake over a test's own stores: answers, repeats, and recovery from crashes.

package live_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/failure"
)

func TestLiveAnswers(t *testing.T) {
	t.Parallel()
	h := newHarness(t, salesYAML)
	l := h.StartLive(live.Options{})
	h.Accept(l, "", "", "0 0 0 0")
	h.Accept(l, "", "\ufeff"+sale("1", "sale", "10.00", "EUR")+"\n"+strings.TrimSuffix(sale("2", "refund", "-1.00", "EUR"), "\n"), "2 2 0 0")
	got := h.Accept(l, "", sale("1", "sale", "10.0", "EUR")+"\n"+sale("3", "gift", "1.00", "EUR")+sale("2", "sale", "1.00", "EUR")+"{", "4 0 1 3")
	want := []answers.RejectedRow{
		{Row: 3, Column: "kind", Reason: `"gift" is not one of the declared values`},
		{Row: 4, Reason: "conflict: this id was accepted before with other values, in batch 1, file received/00000001.jsonl, row 3"},
		{Row: 5, Reason: "malformed JSON at byte 2: a property name is expected here"},
	}
	if !reflect.DeepEqual(got.Rejected, want) {
		t.Errorf("rejected are %+v, want %+v", got.Rejected, want)
	}
	h.ExpectBatches()
	h.Seal(l)
	h.Seal(l) // nothing came in
	h.ExpectBatches("1: 6 2 1 3")
	h.Accept(l, "", sale("1", "sale", "10.00", "EUR"), "1 0 1 0")
	h.Seal(l) // nothing new came in
	h.Accept(l, "", sale("4", "sale", "1.00", "EUR"), "1 1 0 0")
	h.Seal(l)
	h.ExpectBatches("1: 6 2 1 3", "2: 1 1 0 0")
	b := h.Batches()[0]
	if totals := (event.Totals{"amount": {"EUR": "9.00"}, "refunds": {"": "-1.00"}}); !reflect.DeepEqual(b.Totals, totals) {
		t.Errorf("totals are %v, want %v", b.Totals, totals)
	}
	if f := b.Files[0]; len(b.Files) != 1 || f.Name != "received/00000001.jsonl" || f.Rows != 6 || f.Format != "jsonl" {
		t.Errorf("files are %+v", b.Files)
	}
	reasons := h.Reasons()
	if len(reasons) != 3 || !strings.HasPrefix(reasons[0], "1 00000001.jsonl:6 kind:") {
		t.Errorf("quarantine is %q", reasons)
	}
}

func TestLiveKeys(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	l := h.StartLive(live.Options{})
	body := sale("1", "sale", "1.00", "EUR") + sale("2", "gift", "1.00", "EUR")
	first := h.Accept(l, "a/b\x00", body, "2 1 0 1")
	for _, sealed := range []bool{false, true} {
		if sealed {
			h.Seal(l)
		}
		again := h.Accept(l, "a/b\x00", body, "2 1 0 1 again")
		if again.Repeated = false; !reflect.DeepEqual(again, first) {
			t.Errorf("the repeated answer is %+v, the first was %+v", again, first)
		}
		_, err := l.Accept(t.Context(), live.Request{Key: "a/b\x00", Body: []byte(body + "\n")})
		if !errors.Is(err, answers.ErrKeyReused) || failure.Of(err) != failure.Data {
			t.Errorf("another body under the key: %v", err)
		}
	}
	h.Accept(l, "c", body, "2 0 1 1")
	h.Now = h.Now.Add(answers.Retention + time.Second)
	h.Accept(l, "a/b\x00", body, "2 0 1 1")
	h.Seal(l)
	_, err := l.Accept(t.Context(), live.Request{Key: strings.Repeat("k", 256)})
	if failure.Of(err) != failure.Data {
		t.Errorf("a key of 256 bytes: %v", err)
	}
	// What was forgotten, and what came again after that.
	h.Now = h.Now.Add(answers.Retention - 2*time.Second)
	h.Accept(l, "a/b\x00", body, "2 0 1 1 again")
	h.ExpectBatches("1: 2 1 0 1", "2: 4 0 2 2")
}

func TestLiveSameKeyAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	l := h.StartLive(live.Options{})
	var wg sync.WaitGroup
	answers := make([]answers.Answer, 16)
	for i := range answers {
		wg.Go(func() {
			a, err := l.Accept(t.Context(), live.Request{Key: "k", Body: []byte(sale("1", "sale", "1.00", "EUR"))})
			if err != nil {
				t.Error(err)
			}
			answers[i] = a
		})
	}
	wg.Wait()
	judged := 0
	for _, a := range answers {
		if !a.Repeated {
			judged++
		}
		if a.Accepted != 1 {
			t.Errorf("answer %+v", a)
		}
	}
	if judged != 1 {
		t.Errorf("%d requests were checked, want 1", judged)
	}
}

func TestLiveDerivedIdentities(t *testing.T) {
	t.Parallel()
	two := sale("1", "sale", "1.00", "EUR") + sale("1", "sale", "1.00", "EUR")
	tests := []struct{ id, again, other string }{
		{"_row", "2 0 2 0", "3 3 0 0"},     // another request is another source
		{"_content", "2 0 2 0", "3 1 2 0"}, // a third occurrence within a request is new
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, strings.Replace(plainYAML, "id: id", "id: "+tt.id, 1))
			l := h.StartLive(live.Options{})
			h.Accept(l, "", two, "2 2 0 0")
			h.Accept(l, "", two, tt.again)
			h.Accept(l, "", two+sale("1", "sale", "1.00", "EUR"), tt.other)
			h.Seal(l)
			h.Accept(l, "", two, tt.again)
		})
	}
}

// A row of a request that a retry accepts is known when the request is sent again.
func TestLiveRetryKeepsIdentity(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"id", "_row"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, strings.Replace(plainYAML, "id: id", "id: "+id, 1))
			l := h.StartLive(live.Options{})
			h.Accept(l, "", sale("0", "sale", "1.00", "EUR"), "1 1 0 0")
			body := sale("1", "sale", "1.00", "EUR") + sale("2", "gift", "1.00", "EUR")
			h.Accept(l, "", body, "2 1 0 1")
			if _, err := h.RetryLive(l); err != nil {
				t.Fatal(err)
			}
			h.ExpectBatches("1: 3 2 0 1")
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.Declare(strings.Replace(strings.Replace(plainYAML, "refund]", "refund, gift]", 1), "id: id", "id: "+id, 1))
			l = h.StartLive(live.Options{})
			if _, err := h.RetryLive(l); err != nil {
				t.Fatal(err)
			}
			h.Accept(l, "", body, "2 0 2 0")
			h.ExpectBatches("1: 3 2 0 1", "2: 1 1 0 0")
		})
	}
}

const csvYAML = `
stream: sales
format: csv
csv: {delimiter: ";"}
id: id
columns:
  id: {type: string, from: "sale.id"}
  day: {type: date, format: "%d.%m.%Y"}
  amount: {type: "decimal(18,2)", decimal: ",", group: "."}
  kind: {type: string, in: [sale]}
  more: {type: json, optional: true}
totals:
  amount: {sum: amount}
`

func TestLiveAcceptsJSONForEveryFormat(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"csv":     csvYAML,
		"parquet": strings.Replace(strings.Replace(csvYAML, "format: csv\ncsv: {delimiter: \";\"}", "format: parquet", 1), `, decimal: ",", group: "."`, "", 1),
	}
	for format, yaml := range tests {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, yaml)
			l := h.StartLive(live.Options{})
			amount := "1.000,50"
			if format == "parquet" {
				amount = "1000.50"
			}
			body := fmt.Sprintf(`{"sale.id":"1","day":"31.12.2025","amount":%q,"kind":"sale","more":{"a":[1]}}`, amount) + "\n" +
				`{"sale.id":"2","day":"01.01.2026","amount":2.5,"kind":"sale"}` + "\n" +
				`{"sale":{"id":"3"},"day":"01.01.2026","amount":2.5,"kind":"sale"}` + "\n" +
				`{"sale.id":"4","day":"01.01.2026","amount":"1","kind":"gift"}` + "\n"
			got := h.Accept(l, "", body, "4 2 0 2")
			if len(got.Rejected) != 2 || got.Rejected[0].Column != "id" || got.Rejected[1].Column != "kind" || got.Rejected[1].Row != 4 {
				t.Errorf("rejected are %+v", got.Rejected)
			}
			h.Seal(l)
			if total := h.Batches()[0].Totals["amount"][""]; total != "1003.00" {
				t.Errorf("the total is %s, want 1003.00", total)
			}
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.Declare(strings.Replace(yaml, "in: [sale]", "in: [sale, gift]", 1))
			l = h.StartLive(live.Options{})
			r, err := h.RetryLive(l)
			if err != nil || r.Batch != 2 || r.Accepted != 1 || r.Quarantined != 1 {
				t.Errorf("retry: %+v, %v", r, err)
			}
			if reasons := h.Reasons(); len(reasons) != 1 || !strings.Contains(reasons[0], `property "sale.id" is missing`) {
				t.Errorf("quarantine is %q", reasons)
			}
		})
	}
}

func TestLiveSealsByTimeAndSize(t *testing.T) {
	t.Parallel()
	tests := map[string]live.Options{
		"time":   {Window: time.Millisecond},
		"events": {MaxEvents: 2},
		"bytes":  {MaxBytes: 100},
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plainYAML)
			sealed := make(chan intake.Result, 1)
			o.OnSealed = func(r intake.Result) { sealed <- r }
			l := h.StartLive(o)
			h.Accept(l, "", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "1.00", "EUR"), "2 2 0 0")
			if r := <-sealed; r.Batch != 1 || r.Accepted != 2 {
				t.Errorf("sealed %+v", r)
			}
		})
	}
}

func TestLiveAmongFiles(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	l := h.StartLive(live.Options{})
	h.Accept(l, "", sale("1", "sale", "1.00", "EUR"), "1 1 0 0")
	path := h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "1.00", "EUR"))
	r, err := ingestFile(t.Context(), l, h.Store, h.Stream, path)
	if err != nil || r.Batch != 2 || r.Accepted != 1 || r.Duplicates != 1 {
		t.Errorf("ingest: %+v, %v", r, err)
	}
	h.Accept(l, "", sale("2", "sale", "1.00", "EUR")+sale("3", "sale", "1.00", "EUR"), "2 1 1 0")
	if r, err := ingestFile(t.Context(), l, h.Store, h.Stream, path); err != nil || r.Batch != 0 || r.Duplicates != 2 {
		t.Errorf("ingest again: %+v, %v", r, err)
	}
	h.ExpectBatches("1: 1 1 0 0", "2: 2 1 1 0", "3: 2 1 1 0")
}

// The dedupe index is compacted beside the batches, and keeps every id.
func TestLiveCompacts(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	l := h.StartLive(live.Options{})
	const batches = 40
	for n := range batches {
		h.Accept(l, "", sale(fmt.Sprint(n), "sale", "1.00", "EUR"), "1 1 0 0")
		h.Seal(l)
		h.Accept(l, "", sale(fmt.Sprint(n/2), "sale", "1.00", "EUR"), "1 0 1 0")
	}
	for n := range batches {
		h.Accept(l, "", sale(fmt.Sprint(n), "sale", "1.00", "EUR"), "1 0 1 0")
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	runs, err := h.Store.Objects.List(t.Context(), "streams/sales/memory/")
	if err != nil || len(runs) == 0 {
		t.Errorf("compacted runs are %q, %v", runs, err)
	}
	for n := range batches {
		if got := h.Ingest("0 1 0 0 1", h.File(fmt.Sprintf("%d.jsonl", n), sale(fmt.Sprint(n), "sale", "1.00", "EUR"))); got.Duplicates != 1 {
			break
		}
	}
}

func TestLiveStops(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	l := h.StartLive(live.Options{})
	h.Accept(l, "", sale("1", "sale", "1.00", "EUR"), "1 1 0 0")
	for range 2 {
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := l.Accept(t.Context(), live.Request{Body: []byte(sale("2", "sale", "1.00", "EUR"))})
	if !errors.Is(err, live.ErrClosed) || failure.Of(err) != failure.Transient {
		t.Errorf("after the end: %v", err)
	}
	if err := l.Seal(t.Context()); !errors.Is(err, live.ErrClosed) {
		t.Errorf("seal after the end: %v", err)
	}
	h.ExpectBatches("1: 1 1 0 0")
}

// An end in a hurry leaves what was acknowledged to the next life.
func TestLiveInterrupted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	l := h.StartLive(live.Options{})
	h.Accept(l, "k", sale("1", "sale", "1.00", "EUR"), "1 1 0 0")
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Close(now); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	h.ExpectBatches()
	l = h.StartLive(live.Options{})
	h.ExpectBatches("1: 1 1 0 0")
	h.Accept(l, "k", sale("1", "sale", "1.00", "EUR"), "1 1 0 0 again")
	h.Accept(l, "", sale("1", "sale", "1.00", "EUR"), "1 0 1 0")
}
