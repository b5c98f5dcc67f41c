// Pipelines over several streams, from ingest to verify: the example, any grouping, and changed definitions.

package app

import (
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/verify"
)

// openExample opens a new project of an example.
func openExample(t *testing.T, example string) *App {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "example")
	if err := project.Init(dir, example); err != nil {
		t.Fatal(err)
	}
	return openTest(t, dir)
}

func mustIngest(t *testing.T, a *App, stream, file string) intake.Result {
	t.Helper()
	r, err := a.Ingest(t.Context(), stream, []string{file}, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTwoSidedExample checks the results of `bursar init --example two_sided`, in one run or one per stream.
func TestTwoSidedExample(t *testing.T) {
	t.Parallel()
	const want = `{"key":["o-1","EUR"],"artifact":{"books":"40.00","bank":"40.00","books_lines":1,"bank_lines":1,"difference":"0.00","status":"matched","first_at":"2025-03-03T09:12:00Z","lines":[{"stream":"bank","payment_id":null,"statement":"2025-03-04","line":1,"amount":"40.00"},{"stream":"payments","payment_id":"p-1","statement":null,"line":null,"amount":"40.00"}]}}
{"key":["o-2","EUR"],"artifact":{"books":"99.90","bank":"99.00","books_lines":1,"bank_lines":1,"difference":"0.90","status":"different","first_at":"2025-03-03T10:01:30Z","lines":[{"stream":"bank","payment_id":null,"statement":"2025-03-04","line":2,"amount":"99.00"},{"stream":"payments","payment_id":"p-2","statement":null,"line":null,"amount":"99.90"}]}}
{"key":["o-3","USD"],"artifact":{"books":"12.50","bank":"0.00","books_lines":1,"bank_lines":0,"difference":"12.50","status":"only-left","first_at":"2025-03-03T16:45:00Z","lines":[{"stream":"payments","payment_id":"p-3","statement":null,"line":null,"amount":"12.50"}]}}
{"key":["o-4","EUR"],"artifact":{"books":"250.00","bank":"250.00","books_lines":1,"bank_lines":2,"difference":"0.00","status":"matched","first_at":"2025-03-04T08:30:00Z","lines":[{"stream":"bank","payment_id":null,"statement":"2025-03-05","line":1,"amount":"200.00"},{"stream":"bank","payment_id":null,"statement":"2025-03-05","line":2,"amount":"50.00"},{"stream":"payments","payment_id":"p-4","statement":null,"line":null,"amount":"250.00"}]}}
{"key":["o-5","USD"],"artifact":{"books":"0.00","bank":"0.00","books_lines":2,"bank_lines":2,"difference":"0.00","status":"matched","first_at":"2025-03-04T11:20:00Z","lines":[{"stream":"bank","payment_id":null,"statement":"2025-03-06","line":1,"amount":"75.00"},{"stream":"bank","payment_id":null,"statement":"2025-03-06","line":2,"amount":"-75.00"},{"stream":"payments","payment_id":"p-5","statement":null,"line":null,"amount":"75.00"},{"stream":"payments","payment_id":"p-6","statement":null,"line":null,"amount":"-75.00"}]}}
{"key":["o-9","EUR"],"artifact":{"books":"0.00","bank":"18.20","books_lines":0,"bank_lines":1,"difference":"-18.20","status":"only-right","first_at":"2025-03-06T00:00:00Z","lines":[{"stream":"bank","payment_id":null,"statement":"2025-03-06","line":3,"amount":"18.20"}]}}
`
	for _, between := range []bool{false, true} {
		a := openExample(t, "two_sided")
		sample := filepath.Join(filepath.Dir(a.state), "sample")
		mustIngest(t, a, "bank", filepath.Join(sample, "bank.csv"))
		if between {
			runAll(t, a, "books")
		}
		mustIngest(t, a, "payments", filepath.Join(sample, "payments.jsonl"))
		runAll(t, a, "books")
		compareLines(t, exportOf(t, a, "books"), []byte(want))
		var open []string
		err := a.Queries.Exceptions(t.Context(), "books", nil, func(x query.Exception) error {
			open = append(open, string(x.Key))
			return nil
		})
		if err != nil || !slices.Equal(open, []string{`["o-2","EUR"]`, `["o-3","USD"]`, `["o-9","EUR"]`}) {
			t.Errorf("open are %v, %v", open, err)
		}
		checkProof(t, a, "books")
	}
}

func checkProof(t *testing.T, a *App, pipeline string) {
	t.Helper()
	proof, err := a.Verifier.Verify(t.Context(), pipeline, verify.Options{Sample: 1000})
	if err != nil || !proof.OK {
		t.Errorf("verify %s: %+v, %v", pipeline, proof, err)
	}
}

// Three streams: ids of other types, a key of other names, a column of widening types, one that a stream lacks, and an
// order_id of the bank's own that is not its key.
var threeStreams = map[string]string{
	"bursar.yaml": "threads: 1\n",
	"streams/payments.yaml": `{stream: payments, format: jsonl, id: id, columns: {id: {type: string}, order_id: {type: string},
  amount: {type: "decimal(9,2)"}, n: {type: int}, at: {type: date}}, totals: {amount: {sum: amount}, n: {sum: n, by: order_id}}}`,
	"streams/bank.yaml": `{stream: bank, format: jsonl, id: [day, line], columns: {day: {type: date}, line: {type: bigint}, ref: {type: string}, order_id: {type: string},
  amount: {type: "decimal(18,2)"}, n: {type: bigint}, at: {type: date, optional: true}}, totals: {amount: {sum: amount}, n: {sum: n, by: ref}}}`,
	"streams/notes.yaml": `{stream: notes, format: jsonl, id: _content, columns: {about: {type: string}, text: {type: string}, order_id: {type: string, optional: true}}}`,
	"pipelines/orders.yaml": `
pipeline: orders
from: [payments, notes, bank]
key: {payments: order_id, bank: ref, notes: about}
artifact:
  paid: {sum: amount, where: "stream = 'payments'"}
  bank: {sum: amount, where: "stream = 'bank'"}
  n: {sum: n}
  strange: {count: true, where: "order_id = 'k1' AND stream <> 'payments'"}
  last: {last: "coalesce(text, stream)", by: at}
  all: {list: [stream, id, line, amount], by: at}
  two: {list: [stream], by: stream, keep: 2}
conserve: {amount: "paid + bank", n: "n"}
backlog: {max_batches: 2}
`,
}

// threeEvent is one event of the naive fold; "" is null.
type threeEvent struct {
	stream, key, orderID, id, line, amount, n, at, text, day string
}

func (e *threeEvent) json() string {
	switch e.stream {
	case "payments":
		return fmt.Sprintf(`{"id":%q,"order_id":%q,"amount":%q,"n":%s,"at":%q}`, e.id, e.key, e.amount, e.n, e.at)
	case "bank":
		at := "null"
		if e.at != "" {
			at = fmt.Sprintf("%q", e.at)
		}
		return fmt.Sprintf(`{"day":%q,"line":%s,"ref":%q,"order_id":%q,"amount":%q,"n":%s,"at":%s}`, e.day, e.line, e.key, e.orderID, e.amount, e.n, at)
	}
	return fmt.Sprintf(`{"about":%q,"text":%q,"order_id":%q}`, e.key, e.text, e.orderID)
}

func threeEvents(random *rand.Rand) []threeEvent {
	var all []threeEvent
	for i := range 120 {
		e := threeEvent{
			stream: []string{"payments", "bank", "notes"}[random.IntN(3)], key: fmt.Sprint("k", random.IntN(8)), orderID: fmt.Sprint("k", random.IntN(8)),
			amount: fmt.Sprintf("%d.%02d", random.IntN(2000)-1000, random.IntN(100)), n: fmt.Sprint(random.IntN(100) - 50),
			at: fmt.Sprintf("2025-01-0%d", 1+random.IntN(3)),
		}
		switch e.stream {
		case "payments":
			e.id, e.orderID = fmt.Sprint("p", i), e.key
		case "bank":
			e.day, e.line = fmt.Sprintf("2025-02-0%d", 1+random.IntN(3)), fmt.Sprint(i) // 9 is before 10: lines are numbers
			if random.IntN(3) == 0 {
				e.at = ""
			}
		default:
			e.text, e.amount, e.n, e.at = fmt.Sprint("text ", i), "", "", ""
		}
		all = append(all, e)
	}
	return all
}

// compare orders as the pipeline must: by the date, a null first, then by stream, then by the stream's own id. Notes have
// an id that is a digest; so they have no order here, and tests do not look at it.
func (e *threeEvent) compare(o *threeEvent) int {
	if c := strings.Compare(e.at, o.at); c != 0 {
		return c
	}
	if c := strings.Compare(e.stream, o.stream); c != 0 || e.stream == "notes" {
		return c
	}
	if e.stream == "payments" {
		return strings.Compare(e.id, o.id)
	}
	if c := strings.Compare(e.day, o.day); c != 0 {
		return c
	}
	return rational(e.line).Cmp(rational(o.line))
}

func rational(text string) *big.Rat {
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return new(big.Rat)
	}
	return n
}

// threeOracle returns the expected export, computed with fractions and sorted slices.
func threeOracle(events []threeEvent) []byte {
	byKey := map[string][]threeEvent{}
	for _, e := range events {
		byKey[e.key] = append(byKey[e.key], e)
	}
	var out []byte
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		all := byKey[key]
		slices.SortStableFunc(all, func(a, b threeEvent) int { return a.compare(&b) })
		paid, bank, n, strange := new(big.Rat), new(big.Rat), new(big.Rat), 0
		var items, streams []string
		for _, e := range all {
			switch e.stream {
			case "payments":
				paid.Add(paid, rational(e.amount))
			case "bank":
				bank.Add(bank, rational(e.amount))
			}
			n.Add(n, rational(e.n))
			if e.orderID == "k1" && e.stream != "payments" {
				strange++
			}
			amount := orNull(e.amount, true)
			if e.amount != "" {
				amount = fmt.Sprintf("%q", rational(e.amount).FloatString(2))
			}
			items = append(items, fmt.Sprintf(`{"stream":%q,"id":%s,"line":%s,"amount":%s}`, e.stream, orNull(e.id, true), orNull(e.line, false), amount))
			streams = append(streams, e.stream)
		}
		last := all[len(all)-1].stream
		slices.Sort(streams)
		two := make([]string, 0, 2)
		for _, s := range streams[max(0, len(streams)-2):] {
			two = append(two, fmt.Sprintf(`{"stream":%q}`, s))
		}
		out = fmt.Appendf(out, `{"key":%q,"artifact":{"paid":%q,"bank":%q,"n":%s,"strange":%d,"last":%q,"all":[%s],"two":[%s]}}`+"\n",
			key, paid.FloatString(2), bank.FloatString(2), n.FloatString(0), strange, last, strings.Join(items, ","), strings.Join(two, ","))
	}
	return out
}

func orNull(text string, quoted bool) string {
	switch {
	case text == "":
		return "null"
	case quoted:
		return fmt.Sprintf("%q", text)
	}
	return text
}

// TestThreeStreamsInAnyGrouping folds the same events in random batches, orders and runs, compares the export with the naive
// fold, verifies it, and rebuilds.
func TestThreeStreamsInAnyGrouping(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(retailSeed(t), 2))
	events := threeEvents(random)
	// A key whose only events are notes has one of them last, which is its text: such keys get a payment.
	for i := range 8 {
		events = append(events, threeEvent{stream: "payments", key: fmt.Sprint("k", i), orderID: fmt.Sprint("k", i), id: fmt.Sprint("z", i), amount: "1.00", n: "1", at: "2025-03-01"})
	}
	want := threeOracle(events)
	for range 2 {
		a := openFiles(t, threeStreams)
		a.Project.Pipeline("orders").Partitions = 1 + random.IntN(4)
		waiting := map[string][]string{}
		flush := func(stream string) {
			if len(waiting[stream]) > 0 {
				file := putFile(t, t.TempDir(), fmt.Sprintf("%d.jsonl", random.Uint64()), strings.Join(waiting[stream], "\n")+"\n")
				if r := mustIngest(t, a, stream, file); r.Quarantined > 0 {
					t.Fatalf("%+v", r)
				}
				waiting[stream] = nil
			}
		}
		for _, i := range random.Perm(len(events)) {
			e := &events[i]
			waiting[e.stream] = append(waiting[e.stream], e.json())
			switch random.IntN(30) {
			case 0:
				flush(e.stream)
			case 1:
				runAll(t, a, "orders")
			}
		}
		for _, stream := range []string{"payments", "bank", "notes"} {
			flush(stream)
		}
		runAll(t, a, "orders")
		compareLines(t, exportOf(t, a, "orders"), want)
		checkProof(t, a, "orders")
		rebuilt, err := rebuildHere(t.Context(), a, "orders")
		if err != nil || rebuilt.DigestAfter != rebuilt.DigestBefore {
			t.Errorf("rebuilt %+v, %v", rebuilt, err)
		}
	}
}

// openFiles opens a project with the given files, by path.
func openFiles(t *testing.T, files map[string]string) *App {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		putFile(t, dir, name, text)
	}
	return openTest(t, dir)
}

// TestBacklogOfSeveralStreams groups the batches of all streams in the order of sealing, and counts the backlog.
func TestBacklogOfSeveralStreams(t *testing.T) {
	t.Parallel()
	a := openFiles(t, threeStreams)
	note := func(i int) {
		mustIngest(t, a, "notes", putFile(t, t.TempDir(), "n.jsonl", fmt.Sprintf(`{"about":"k1","text":"%d"}`, i)))
	}
	pay := func(i int) {
		mustIngest(t, a, "payments", putFile(t, t.TempDir(), "p.jsonl", fmt.Sprintf(`{"id":"p%d","order_id":"k1","amount":"1.00","n":1,"at":"2025-01-01"}`, i)))
	}
	note(1)
	pay(1)
	pay(2)
	note(2)
	pay(3)
	checkBacklog(t, a, 5)
	runAll(t, a, "orders")
	checkBacklog(t, a, 0)
	runs, err := a.Runs(t.Context(), "orders", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, run := range runs {
		got = append(got, fmt.Sprint(run.Batches))
	}
	if want := []string{"[{notes 1} {payments 1}]", "[{payments 2} {notes 2}]", "[{payments 3}]"}; !slices.Equal(got, want) {
		t.Errorf("runs of %v, want %v", got, want)
	}
	g, err := a.Queries.Current(t.Context(), "orders")
	if err != nil || g.Watermark != nil || g.LastBatch["payments"] != 3 || g.LastBatch["notes"] != 2 { // the bank has no batch yet
		t.Errorf("generation %+v, %v", g, err)
	}
	pay(4)
	checkBacklog(t, a, 1)
	mustIngest(t, a, "bank", putFile(t, t.TempDir(), "b.jsonl", `{"day":"2025-01-01","line":1,"ref":"k1","order_id":"x","amount":"1.00","n":1}`))
	runAll(t, a, "orders")
	notes, also := event.Batches(t.Context(), a.Engine.Catalog, "notes", 1) // the other streams are ahead
	if g, err = a.Queries.Current(t.Context(), "orders"); err != nil || also != nil || !g.Watermark.Equal(notes[0].Sealed) {
		t.Errorf("generation %+v, %v; the stream furthest behind has %+v", g, err, notes)
	}
}

func checkBacklog(t *testing.T, a *App, batches int) {
	t.Helper()
	status, err := a.Queries.Status(t.Context())
	if err != nil || status[0].Backlog != batches || status[0].BacklogEvents != int64(batches) {
		t.Errorf("status %+v, %v, want a backlog of %d", status, err, batches)
	}
}

// TestAddedStreamIsRefusedUntilRebuilt adds a stream to a pipeline, which changes its artifacts.
func TestAddedStreamIsRefusedUntilRebuilt(t *testing.T) {
	t.Parallel()
	files := maps.Clone(threeStreams)
	files["pipelines/orders.yaml"] = "{pipeline: orders, from: [payments], key: order_id, artifact: {n: {count: true, where: \"stream = 'payments'\"}}}"
	a := openFiles(t, files)
	mustIngest(t, a, "payments", putFile(t, t.TempDir(), "p.jsonl", `{"id":"p1","order_id":"k1","amount":"1.00","n":1,"at":"2025-01-01"}`))
	mustIngest(t, a, "bank", putFile(t, t.TempDir(), "b.jsonl", `{"day":"2025-01-01","line":1,"ref":"k1","order_id":"x","amount":"1.00","n":1}`))
	runAll(t, a, "orders")
	a = reopen(t, a, "{pipeline: orders, from: [payments, bank], key: {payments: order_id, bank: ref}, artifact: {n: {count: true}}}")
	_, err := a.Steps.Next(t.Context(), "orders", 0, false)
	if err == nil || !strings.Contains(err.Error(), "pipeline orders has changed (artifact.n, from, identity, key per stream)") {
		t.Fatalf("error %v", err)
	}
	if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
		t.Fatal(err)
	}
	if got := string(exportOf(t, a, "orders")); got != `{"key":"k1","artifact":{"n":2}}`+"\n" {
		t.Errorf("rebuilt to %s", got)
	}
	checkProof(t, a, "orders")
	a = reopen(t, a, "{pipeline: orders, from: [bank, payments], key: {payments: order_id, bank: ref}, artifact: {n: {count: true}}}")
	if _, err := a.Steps.Next(t.Context(), "orders", 0, false); err == nil || !strings.Contains(err.Error(), "(key)") {
		t.Errorf("the key is named by the first stream: error %v", err)
	}
}

// TestListOfOneStreamIsTheStream writes the single stream of a pipeline as a list: the pipeline continues.
func TestListOfOneStreamIsTheStream(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"payments", "[payments]"} {
		a := openSmall(t, strings.Replace(ordersYAML, "from: payments", "from: "+from, 1))
		pay(t, a, "1 a 10.00")
		runAll(t, a, "orders")
		if from == "payments" {
			a = reopen(t, a, strings.Replace(ordersYAML, "from: payments", "from: [payments]", 1))
			pay(t, a, "2 a 1.00")
			runAll(t, a, "orders")
		}
		checkProof(t, a, "orders")
	}
}
