// Intake over a test's own stores: counts, quarantine reasons, and the effects of repeats.

package intake_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/fault"
)

func TestIntakeCountsAndReasons(t *testing.T) {
	t.Parallel()
	h := newHarness(t, salesYAML)
	first := h.File("a.jsonl", sale("1", "sale", "10.00", "EUR")+sale("2", "refund", "-2.50", "USD")+sale("1", "sale", "10.0", "EUR")+
		sale("1", "sale", "10.01", "EUR")+sale("3", "gift", "1.00", "EUR")+sale("4", "sale", "1.005", "EUR")+"{\"id\":\"5\"}\n"+
		strings.Replace(sale("6", "refund", "-0.50", "EUR"), "{", `{"more":1,`, 1))
	got := h.Ingest("1 8 3 4 1", first)
	if want := (event.Totals{"amount": {"EUR": "9.50", "USD": "-2.50"}, "refunds": {"": "-3.00"}}); !reflect.DeepEqual(got.Totals, want) || got.Extra != 1 {
		t.Errorf("totals %v and %d extra values, want %v and 1", got.Totals, got.Extra, want)
	}
	second := h.File("b.jsonl", sale("2", "refund", "-2.50", "USD")+sale("2", "refund", "-2.51", "USD")+sale("7", "sale", "1.00", "EUR"))
	if got := h.Ingest("2 3 1 1 1", second); got.Totals["refunds"][""] != "0.00" {
		t.Errorf("refunds of a batch without any: %v", got.Totals)
	}
	conflict := func(row int) string {
		return fmt.Sprintf("conflict: this id was accepted before with other values, in batch 1, file %s, row %d", first, row)
	}
	list := h.Reasons()
	if len(list) != 5 || list[0] != "1 a.jsonl:4 : "+conflict(1) || list[4] != "2 b.jsonl:2 : "+conflict(2) {
		t.Errorf("quarantine contains\n%s", strings.Join(list, "\n"))
	}
	for i, want := range []string{"1 a.jsonl:5 kind: ", "1 a.jsonl:6 amount: ", "1 a.jsonl:7 "} {
		if !strings.HasPrefix(list[i+1], want) {
			t.Errorf("got %q, want it to start with %q", list[i+1], want)
		}
	}
}

func TestRepeatedFiles(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	a := h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "2.00", "EUR"))
	copied := h.File("copy.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "2.00", "EUR"))
	b := h.File("b.jsonl", sale("2", "sale", "2.00", "EUR")+sale("3", "sale", "3.00", "EUR"))
	h.Ingest("1 6 3 0 3", a, b, copied) // two files and one of them again, in one call
	h.Ingest("0 2 0 0 2", a)
	h.Ingest("0 4 0 0 4", copied, b)
	h.Ingest("0 1 0 0 1", h.File("c.jsonl", sale("3", "sale", "3.00", "EUR")))
	if n := len(h.Batches()); n != 1 {
		t.Errorf("%d batches", n)
	}
}

func TestNothingIsSealed(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	path := h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "gift", "2.00", "EUR")+sale("3", "sale", "2.00", "EUR")+sale("4", "sale", "2.00", "EUR"))
	ingest := func(o intake.Options, paths ...string) (intake.Result, error) {
		return intake.Ingest(t.Context(), h.Store, h.Stream, paths, o)
	}
	dry, err := ingest(intake.Options{DryRun: true}, path)
	if err != nil || dry.Totals["amount"]["EUR"] != "5.00" {
		t.Errorf("%+v, %v", dry, err)
	}
	h.Expect(dry, "0 4 3 1 0")
	if names, err := h.Store.Objects.List(t.Context(), ""); err != nil || len(names) != 0 {
		t.Errorf("a dry run leaves %v, %v", names, err)
	}
	refused, err := ingest(intake.Options{MaxRejected: 0.24}, path)
	if !errors.Is(err, intake.ErrTooManyRejected) {
		t.Errorf("a quarter rejected: %v", err)
	}
	h.Expect(refused, "0 4 3 1 0")
	for _, wrong := range []string{h.Dir, filepath.Join(h.Dir, "nosuch.jsonl")} {
		if _, err := ingest(intake.Options{}, path, wrong); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s is taken: %v", wrong, err)
		}
	}
	if n := len(h.Batches()); n != 0 { // objects may stay: the next intake sweeps what no batch names
		t.Errorf("%d batches", n)
	}
	sealed, err := ingest(intake.Options{MaxRejected: 0.25}, path)
	if err != nil || sealed.Digest != dry.Digest {
		t.Errorf("the dry run has %s, the real one %s, %v", dry.Digest, sealed.Digest, err)
	}
	h.Expect(sealed, "1 4 3 1 0")
}

// A stream that knows rows by their values gets no new column where a row may have had a value of it before.
func TestGrowthOfContents(t *testing.T) {
	t.Parallel()
	for extra, want := range map[string]string{"": "", `,"memo":"x"`: "stream sales: new column memo: batch 1 contains rows with undeclared properties (1 values)"} {
		yaml := strings.Replace(plainYAML, "id: id", "id: _content", 1)
		if yaml == plainYAML {
			t.Fatal("the stream has another id")
		}
		h := newHarness(t, yaml)
		row := strings.Replace(sale("a", "sale", "1.00", "EUR"), "}", extra+"}", 1)
		h.Ingest("1 1 1 0 0", h.File("a.jsonl", row))
		h.Declare(strings.Replace(yaml, "  currency:", "  memo: {type: string, optional: true}\n  currency:", 1))
		_, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("b.jsonl", row+sale("b", "sale", "1.00", "EUR"))}, intake.Options{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", extra, err, want)
		}
	}
}

// A batch that was sealed before its stream got a computed column, as earlier versions allow, is read as ever.
func TestBatchWithoutAComputedColumn(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.Declare(strings.Replace(plainYAML, "  currency:", "  more: {type: \"decimal(18,2)\", is: amount, optional: true}\n  currency:", 1))
	if err := h.Batches()[0].CheckGrowth(h.Stream); err != nil {
		t.Error(err)
	}
}

func TestSchemaGrowth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, wantText string }{
		{"decimal(18,2)", "decimal(20,4)", ""},
		{"[sale, refund]", "[gift, sale, refund]", ""},
		{"kind: {type: string, in: [sale, refund]}", "kind: {type: string}", ""},
		{"currency: {type: string}", "currency: {type: string}\n  more: {type: int, optional: true}", ""},
		{"amount: {type: \"decimal(18,2)\"}", "amount: {type: \"decimal(18,2)\", optional: true}", ""},
		{"decimal(18,2)", "decimal(18,3)", "column amount was declared as amount: {type: decimal(18,2)}; now its type is not wider: amount: {type: decimal(18,3)}"},
		{"[sale, refund]", "[sale]", "now it allows fewer values: kind: {type: string, in: [sale]}"},
		{"currency: {type: string}", "currency: {type: string}\n  more: {type: int}", "new column more must be optional"},
		{"currency: {type: string}", "currency: {type: string}\n  more: {type: \"decimal(18,2)\", is: amount, optional: true}", "new column more is computed, and the existing events would not have it: write \"amount\" where pipelines use the column"},
		{"note: {type: string, optional: true}", "note: {type: string}", "column note was declared as note: {type: string, optional: true}; now it became required"},
		{"  note: {type: string, optional: true}\n", "", "column note was declared as note: {type: string, optional: true}; now it is missing"},
	} {
		t.Run(c.to, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plainYAML)
			a := sale("1", "sale", "1.00", "EUR")
			before := h.Ingest("1 1 1 0 0", h.File("a.jsonl", a))
			h.Declare(strings.Replace(plainYAML, c.from, c.to, 1))
			again := h.File("b.jsonl", a+" \n"+sale("2", "sale", "1.00", "EUR"))
			got, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{again}, intake.Options{})
			if c.wantText != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantText) || !strings.Contains(err.Error(), "declare a new stream") {
					t.Errorf("got %v, want %q", err, c.wantText)
				}
				return
			}
			if err != nil || got.Accepted != 1 || got.Duplicates != 1 { // the same event digests alike in the grown schema
				t.Errorf("%+v, %v", got, err)
			}
			if before.Digest == got.Digest {
				t.Error("two events have one digest")
			}
		})
	}
}

func TestRetryAfterGrowth(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 3 1 2 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "gift", "2.00", "EUR")+sale("3", "loan", "3.00", "EUR")))
	retry := func(want string) {
		t.Helper()
		got, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
		if err != nil {
			t.Fatal(err)
		}
		h.Expect(got, want)
	}
	retry("0 2 0 2 0") // nothing has grown: they stay where they are
	h.Declare(strings.Replace(plainYAML, "[sale, refund]", "[sale, refund, gift]", 1))
	retry("2 2 1 1 0")
	if list := h.Reasons(); len(list) != 1 || !strings.HasPrefix(list[0], "2 a.jsonl:3 kind: ") {
		t.Errorf("quarantine contains %q", list)
	}
	retry("0 1 0 1 0")
	if got := h.Batches()[1]; got.Totals["amount"]["EUR"] != "2.00" || got.Accepted != 1 {
		t.Errorf("the retried batch is %+v", got)
	}
}

func TestDerivedIdentities(t *testing.T) {
	t.Parallel()
	x, y, z := sale("x", "sale", "1.00", "EUR"), sale("y", "sale", "1.00", "EUR"), sale("z", "sale", "1.00", "EUR")
	for _, c := range []struct{ id, first, second string }{
		{"_row", "1 4 4 0 0", "2 4 4 0 0"},     // each row of each file is an event
		{"_content", "1 4 4 0 0", "2 4 2 0 2"}, // of x, x, y the second file brings x and y again, a third x and a z
	} {
		h := newHarness(t, strings.Replace(plainYAML, "id: id\n", "id: "+c.id+"\n", 1))
		h.Ingest(c.first, h.File("a.jsonl", x+x+y+y))
		h.Ingest(c.second, h.File("b.jsonl", y+x+z+z))
		h.Ingest("0 4 0 0 4", h.File("c.jsonl", x+x+y+y))
	}
}

func TestComputedColumnThatOverflows(t *testing.T) {
	t.Parallel()
	h := newHarness(t, strings.Replace(salesYAML, "totals:", "  twice: {type: \"decimal(18,2)\", is: \"amount * 2\"}\ntotals:\n  twice: {sum: twice}", 1))
	got := h.Ingest("1 2 1 1 0", h.File("a.jsonl", sale("1", "sale", "1.25", "EUR")+sale("2", "sale", "9999999999999999.99", "EUR")))
	if got.Totals["twice"][""] != "2.50" || got.Totals["amount"]["EUR"] != "1.25" {
		t.Errorf("totals %v", got.Totals)
	}
	if list := h.Reasons(); !slices.Equal(list, []string{"1 a.jsonl:2 twice: amount * 2 is not a valid decimal(18,2) here: it overflows, or a conversion in it fails"}) {
		t.Errorf("quarantine contains %q", list)
	}
}

// An expression that fails on a row puts that row into quarantine, whether its column is optional or not; its own null is null.
func TestExpressionsThatFail(t *testing.T) {
	t.Parallel()
	h := newHarness(t, strings.NewReplacer("kind = 'refund'", "CAST(note AS INTEGER) > 0",
		"totals:", `  twice: {type: "decimal(5,2)", optional: true, is: "amount * 2"}
  year: {type: int, optional: true, is: "CASE WHEN note LIKE '2%' THEN CAST(note[1:4] AS INTEGER) END"}
  month: {type: string, is: "strftime(TIMESTAMP '2024-05-01', '%Y-%m')"}
totals:
  twice: {sum: twice, where: "amount % 2 <> 1"}`).Replace(salesYAML))
	row := func(id, amount, note string) string {
		return strings.Replace(sale(id, "sale", amount, "EUR"), "{", fmt.Sprintf(`{"note":%s,`, note), 1)
	}
	got := h.Ingest("1 6 3 3 0", h.File("a.jsonl", row("1", "100.00", `"2024"`)+row("2", "300.00", `null`)+row("3", "300.00", `"600"`)+
		row("4", "600.00", `"1"`)+row("5", "1.00", `"2x"`)+row("6", "1.00", `"secret"`)))
	if got.Totals["twice"][""] != "1400.00" || got.Totals["refunds"][""] != "400.00" {
		t.Errorf("totals %v", got.Totals)
	}
	const fails = "it overflows, or a conversion in it fails"
	want := []string{
		"1 a.jsonl:4 twice: amount * 2 is not a valid decimal(5,2) here: " + fails,
		"1 a.jsonl:5 year: CASE WHEN note LIKE '2%' THEN CAST(note[1:4] AS INTEGER) END is not a valid int here: " + fails,
		"1 a.jsonl:6 amount: `where` of total refunds fails here: CAST(note AS INTEGER) > 0 overflows, or a conversion in it fails",
	}
	if list := h.Reasons(); !slices.Equal(list, want) {
		t.Errorf("quarantine contains\n%s", strings.Join(list, "\n"))
	}
}

func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	var text, zipped bytes.Buffer
	for i := range 20000 {
		text.WriteString(sale(fmt.Sprint(i*7919%20000, "-", i), "sale", fmt.Sprintf("%d.%02d", i*31%977, i%100), "EUR"))
	}
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write(text.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	cut := zipped.String()[:zipped.Len()/2]

	h := newHarness(t, plainYAML)
	path := h.File("a.jsonl.gz", cut)
	got, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{path}, intake.Options{})
	if err == nil || got.Batch != 1 || got.Accepted == 0 || got.Accepted >= 20000 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{path}, intake.Options{}); err == nil {
		t.Error("handed in again, the file is taken for whole")
	}
	whole, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("whole.jsonl.gz", zipped.String())}, intake.Options{})
	if err != nil || whole.Accepted+got.Accepted != 20000 || whole.Rows != 20000 {
		t.Errorf("first %+v, then %+v, %v", got, whole, err)
	}

	h = newHarness(t, strings.Replace(plainYAML, "id: id\n", "id: _row\n", 1))
	_, err = intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("a.jsonl.gz", cut)}, intake.Options{})
	if err == nil || !strings.Contains(err.Error(), "nothing was ingested") || len(h.Batches()) != 0 {
		t.Errorf("a stream of rows took %d batches of it, %v", len(h.Batches()), err)
	}
}

func TestDedupeWindow(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML+"dedupe: 30d\n")
	a := sale("1", "sale", "1.00", "EUR")
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", a))
	h.Now = h.Now.AddDate(0, 0, 29)
	h.Ingest("0 1 0 0 1", h.File("b.jsonl", a+" \n")) // 29 days on, it is known
	h.Now = h.Now.AddDate(0, 0, 2)
	h.Ingest("2 1 1 0 0", h.File("c.jsonl", a+"  \n")) // 31 days on, it is not
	h.Ingest("0 1 0 0 1", h.File("d.jsonl", a))        // the same file never counts again
}

// TestIntakeFailsAtEveryCall fails each call of the stores in turn, as an error and as a crash: afterwards there is nothing or
// all, and the same file handed in again ends with the same batch (rule 1).
func TestIntakeFailsAtEveryCall(t *testing.T) {
	t.Parallel()
	text := sale("1", "sale", "1.00", "EUR") + sale("2", "gift", "2.00", "EUR") + sale("3", "refund", "-3.00", "USD")
	whole := newHarness(t, plainYAML)
	want := whole.Ingest("1 3 2 1 0", whole.File("a.jsonl", text)).Digest
	for _, mode := range []fault.Mode{fault.Before, fault.After, fault.Before | fault.Crash, fault.After | fault.Crash} {
		t.Run(fmt.Sprint("mode ", mode), func(t *testing.T) {
			t.Parallel()
			for n, more := 1, true; more; n++ {
				more = failIntake(t, text, want, n, mode)
			}
		})
	}
}

// failIntake reports whether there was an n-th call to fail.
func failIntake(t *testing.T, text, want string, n int, mode fault.Mode) bool {
	t.Helper()
	h := newHarness(t, plainYAML)
	path := h.File("a.jsonl", text)
	plan := fault.NewPlan()
	plan.FailAt(n, mode)
	faulty := *h.Store
	faulty.Objects, faulty.Catalog = fault.Objects(h.Store.Objects, plan), fault.Catalog(h.Store.Catalog, plan)
	_, err := intake.Ingest(t.Context(), &faulty, h.Stream, []string{path}, intake.Options{})
	late := strings.HasSuffix(plan.Call(n), "/manifest.json") // the batch is sealed, and the next intake writes it
	if plan.Fired() && mode == fault.Before && err == nil && !late {
		t.Errorf("%s failed, and intake returns no error", plan.Call(n))
	}
	sealed := h.Batches()
	if len(sealed) > 1 || err == nil && len(sealed) != 1 {
		t.Fatalf("after %s: %d batches, %v", plan.Call(n), len(sealed), err)
	}
	again, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{path}, intake.Options{})
	if err != nil {
		t.Fatalf("after %s, again: %v", plan.Call(n), err)
	}
	if counts := map[int]string{0: "1 3 2 1 0", 1: "0 3 0 0 3"}[len(sealed)]; counts != fmt.Sprint(again.Batch, again.Rows, again.Accepted, again.Quarantined, again.Duplicates) {
		t.Errorf("after %s, again: %+v, want %s", plan.Call(n), again, counts)
	}
	batches := h.Batches()
	if len(batches) != 1 || batches[0].Digest != want || batches[0].Totals["amount"]["USD"] != "-3.00" {
		t.Fatalf("after %s: %+v", plan.Call(n), batches)
	}
	for _, o := range batches[0].Stored() {
		if err := o.Check(t.Context(), h.Store.Objects); err != nil {
			t.Errorf("after %s: %v", plan.Call(n), err)
		}
	}
	if _, ok := h.ObjectBytes()["streams/sales/batches/00000001/manifest.json"]; !ok {
		t.Errorf("after %s: the batch has no manifest", plan.Call(n))
	}
	return plan.Fired()
}
