// Accepting conflicts and dismissing rows over stores of their own: what counts then, what stays in quarantine, and what a repeat completes.

package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/repair"
	"bursar/internal/event/retract"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
	"bursar/internal/fault"
)

// TestAcceptRow accepts the second of three versions of an event, then the third, whose conflict was with the first.
func TestAcceptRow(t *testing.T) {
	t.Parallel()
	h := newHarness(t, salesYAML)
	h.Ingest("1 2 2 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "8.00", "EUR")))
	h.Ingest("2 3 1 2 0", h.File("b.jsonl", sale("1", "sale", "2.00", "EUR")+sale("1", "refund", "3.00", "EUR")+sale("3", "sale", "4.00", "EUR")))
	h.Ingest("3 1 0 1 0", h.File("c.jsonl", sale("1", "sale", "5.00", "USD")))
	h.ExpectRefs("2:1 2:2 3:1")
	got := h.AcceptRow("2:2", `4 false kind "sale" "refund" amount "1.00" "3.00"`)
	if got.Event != `"1"` || got.Replaced == nil || got.Replaced.Event != `"1"` || got.Replaced.Batch != 1 || !strings.Contains(got.Replaced.Reason, "row 2:2") || !strings.Contains(got.Replaced.Reason, "checked") {
		t.Errorf("accepted is %+v, left out %+v", got, got.Replaced)
	}
	h.ExpectFolded("1 map[EUR:8.00]", "1 map[EUR:4.00]", "0 map[]", "1 map[EUR:3.00]")
	h.ExpectRefs("3:1 2:1")
	if reasons := h.Reasons(); !strings.HasSuffix(reasons[1], "b.jsonl, row 2") {
		t.Errorf("the other version is in conflict with another event: %q", reasons)
	}
	h.AcceptRow("2:2", `4 true kind "sale" "refund" amount "1.00" "3.00"`)
	h.AcceptRow("3:1", `5 false kind "refund" "sale" amount "3.00" "5.00" currency "EUR" "USD"`)
	h.ExpectFolded("1 map[EUR:8.00]", "1 map[EUR:4.00]", "0 map[]", "0 map[EUR:0.00]", "1 map[USD:5.00]")
	h.ExpectRefs("2:1")
	h.Verify()
	h.RebuildIndex()
	h.Verify()
	if _, err := retract.Retract(t.Context(), h.Store, h.Stream, retract.Options{Batch: 1, Event: "1", Undo: true}); !errors.As(err, new(*retract.IDReusedError)) {
		t.Errorf("undo gives %v", err)
	}
	h.Retract("3 1", retract.Options{Event: "1", Reason: "neither"})
	h.AcceptRow("2:1", `6 false kind "refund" "sale" amount "3.00" "2.00"`) // nothing counts that it would take the place of
	h.ExpectRefs("")
	h.Ingest("0 3 0 0 3", h.File("d.jsonl", sale("1", "sale", "2.00", "EUR")+sale("3", "sale", "4.00", "EUR")+sale("2", "sale", "8.00", "EUR")))
	h.Verify()
}

// TestAcceptRowLeavesOthers accepts a row of a quarantine in which others could be accepted now: they wait for a retry.
func TestAcceptRowLeavesOthers(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 2 2 0 0", h.File("a.jsonl", amounts("1", "1.00")+amounts("2", "2.00")))
	b := h.File("b.jsonl", amounts("1", "3.00")+amounts("2", "4.00")+sale("3", "gift", "5.00", "EUR"))
	h.Ingest("2 3 0 3 0", b)
	h.Retract("1 1", retract.Options{Event: "2", Reason: "wrong"})
	h.Declare(strings.Replace(plainYAML, "refund]", "refund, gift]", 1))
	before := h.Reasons()
	h.AcceptRow("2:1", `3 false amount "1.00" "3.00"`)
	h.ExpectRefs("2:2 2:3")
	for i, reason := range h.Reasons() {
		if reason[1:] != before[i+1][1:] {
			t.Errorf("in quarantine is %s, was %s", reason, before[i+1])
		}
	}
	h.Verify()
	r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(r, "4 2 2 0 0")
}

// TestAcceptRowThenItsFiles takes the files of a decision in again: nothing is new, and nothing is to be decided again.
func TestAcceptRowThenItsFiles(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	a, b := h.File("a.jsonl", amounts("1", "1.00")+amounts("2", "2.00")), h.File("b.jsonl", amounts("1", "3.00")+amounts("1", "4.00"))
	h.Ingest("1 2 2 0 0", a)
	h.Ingest("2 2 0 2 0", b)
	h.AcceptRow("2:1", `3 false amount "1.00" "3.00"`)
	for range 2 {
		h.Ingest("0 2 0 0 2", a)
		h.Ingest("0 2 0 0 2", b)
	}
	h.Retract("2 1", retract.Options{Event: "2", Reason: "wrong"}) // its id is free, so files are read again
	h.Ingest("4 2 1 0 1", a)
	h.Ingest("0 2 0 0 2", b)
	h.ExpectRefs("2:2")
	h.Verify()
}

// TestAcceptRowRefused asks for rows that cannot be accepted.
func TestAcceptRowRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 2 1 1 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "gift", "8.00", "EUR")))
	h.Ingest("2 2 0 2 0", h.File("b.jsonl", sale("1", "sale", "2.00", "EUR")+sale("1", "sale", "3.00", "EUR")))
	h.ExpectRefused("1:2", "not a conflict")
	for _, row := range []string{"1:1", "2:3", "3:1"} {
		_, err := intake.AcceptRow(t.Context(), h.Store, h.Stream, intake.AcceptOptions{Row: ref(t, row), Reason: "x"})
		if no := (*event.NoSuchError)(nil); !errors.As(err, &no) {
			t.Errorf("%s gives %v", row, err)
		}
	}
	h.MustDismiss("2:1", false)
	h.ExpectRefused("2:1", "--dismiss 2:1 --undo")
	h.MustDismiss("2:1", true)
	h.Retract("1 1", retract.Options{Event: "1", Reason: "wrong"})
	h.Ingest("3 1 1 0 0", h.File("c.jsonl", sale("1", "sale", "2.00", "EUR")))
	h.ExpectRefused("2:1", "--retry")
	h.AcceptRow("2:2", `4 false amount "2.00" "3.00"`) // not the event that it was in conflict with
	h.ExpectRefs("1:2 2:1")
	h.Verify()
	for _, text := range []string{"", "1", "1:", ":1", "0:1", "1:0", "01:1", "1:1:1", "a:b", "-1:1", "1:+1"} {
		if _, ok := event.ParsePlace(text); ok {
			t.Errorf("%q names a row", text)
		}
	}
}

// TestAcceptRowBeyondWindow accepts a row once the id of what it was in conflict with is forgotten: that must not count beside it.
func TestAcceptRowBeyondWindow(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML+"dedupe: 30d\n")
	h.Ingest("1 2 1 1 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("1", "sale", "2.00", "EUR")))
	h.Now = h.Now.AddDate(0, 0, 40)
	if got := h.AcceptRow("1:2", `2 false amount "1.00" "2.00"`); got.Replaced == nil || got.Replaced.Batch != 1 {
		t.Errorf("accepted is %+v", got)
	}
	h.ExpectFolded("0 map[EUR:0.00]", "1 map[EUR:2.00]")
	h.Verify()
}

// TestAcceptRowBeyondWindowAgain accepts a second conflict with the same event beyond the window: what was accepted before must not count beside it.
func TestAcceptRowBeyondWindowAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML+"dedupe: 30d\n")
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", amounts("1", "1.00")))
	h.Ingest("2 1 0 1 0", h.File("b.jsonl", amounts("1", "2.00")))
	h.Ingest("3 2 0 2 0", h.File("c.jsonl", amounts("1", "3.00", "4.00")))
	h.AcceptRow("2:1", `4 false amount "1.00" "2.00"`)
	h.Now = h.Now.AddDate(0, 0, 40)
	h.AcceptRow("3:1", `5 false amount "2.00" "3.00"`)
	h.ExpectFolded("0 map[EUR:0.00]", "0 map[]", "0 map[]", "0 map[EUR:0.00]", "1 map[EUR:3.00]")
	h.ExpectRefs("3:2")
	h.Ingest("0 1 0 0 1", h.File("d.jsonl", amounts("1", "3.00")))
	h.Verify()
}

// TestRetriedWithinWindow sends an event again that came out of quarantine after its file was forgotten: its window begins with the retry,
// also once the index is merged or rebuilt.
func TestRetriedWithinWindow(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*harness){
		"as it is": func(*harness) {},
		"rebuilt":  (*harness).RebuildIndex,
		"merged": func(h *harness) {
			for i := range 8 {
				h.Now = h.Now.AddDate(0, 0, 1)
				h.Ingest(fmt.Sprint(5+i, " 1 1 0 0"), h.File(fmt.Sprint("m", i), sale(fmt.Sprint("m", i), "sale", "5.00", "EUR")))
			}
			if n := len(h.Index().DedupeTables); n > 5 {
				h.T.Errorf("the index has %d tables: none was merged", n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plainYAML+"dedupe: 30d\n")
			h.Ingest("1 2 1 1 0", h.File("a.jsonl", sale("1", "gift", "1.00", "EUR")+sale("2", "sale", "1.00", "EUR")))
			h.Now = h.Now.AddDate(0, 0, 5)
			h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("1", "sale", "1.00", "EUR")))
			h.Now = h.Now.AddDate(0, 0, 35)
			h.Declare(strings.Replace(plainYAML+"dedupe: 30d\n", "refund]", "refund, gift]", 1))
			r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
			if err != nil {
				t.Fatal(err)
			}
			h.Expect(r, "3 1 1 0 0")
			h.Ingest("4 1 1 0 0", h.File("c.jsonl", sale("2", "sale", "1.00", "EUR"))) // forgotten, as it was not retried
			make(h)
			h.Ingest("0 1 0 0 1", h.File("again.jsonl", sale("1", "gift", "1.00", "EUR")))
			h.Verify()
		})
	}
}

// TestAcceptRowUnknown accepts a row of which an earlier version did not write what it is in conflict with.
func TestAcceptRowUnknown(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	l := h.StartLive(live.Options{})
	h.Accept(l, "", sale("1", "sale", "1.00", "EUR"), "1 1 0 0")
	h.Accept(l, "", sale("1", "sale", "2.00", "EUR"), "1 0 0 1")
	h.Accept(l, "", sale("1", "sale", "4.00", "EUR"), "1 0 0 1")
	h.Seal(l)
	if err := withoutConflicts(t.Context(), h.Store, "sales", 1); err != nil {
		t.Fatal(err)
	}
	h.ExpectRefs("1:2 1:3")
	got, err := live.Exclusively(t.Context(), l, func(ctx context.Context) (intake.AcceptedRow, error) {
		return intake.AcceptRow(ctx, h.Store, h.Stream, intake.AcceptOptions{Row: ref(t, "1:3"), Reason: "checked"})
	})
	if err != nil || changes(got.Changes) != ` amount "1.00" "4.00"` {
		t.Errorf("accepted is %+v, %v", got, err)
	}
	h.ExpectRefs("1:2")
	if d, err := l.Dismiss(t.Context(), event.DismissOptions{Row: ref(t, "1:2"), Reason: "no"}); err != nil || d.Reason != "no" {
		t.Errorf("dismissed is %+v, %v", d, err)
	}
	h.ExpectRefs("(1:2)")
}

// TestAcceptRowFailsAtEveryWrite fails each call in turn that writes to the stores, as an error and as a crash: the same command completes it.
func TestAcceptRowFailsAtEveryWrite(t *testing.T) {
	t.Parallel()
	counted := fault.NewPlan()
	failAccept(t, counted)
	for n := 1; n <= counted.Calls(); n++ {
		if verb, _, _ := strings.Cut(counted.Call(n), " "); verb != "update" && verb != "commit" && verb != "create" {
			continue
		}
		for _, mode := range []fault.Mode{fault.Before, fault.Before | fault.Crash, fault.After | fault.Crash} {
			t.Run(fmt.Sprintf("%d mode %d", n, mode), func(t *testing.T) {
				t.Parallel()
				plan := fault.NewPlan()
				plan.FailAt(n, mode)
				failAccept(t, plan)
			})
		}
	}
}

func failAccept(t *testing.T, plan *fault.Plan) {
	t.Helper()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.Ingest("2 3 0 3 0", h.File("b.jsonl", sale("1", "sale", "2.00", "EUR")+sale("1", "sale", "3.00", "EUR")+sale("2", "gift", "3.00", "EUR")))
	h.MustDismiss("2:3", false)
	faulty := *h.Store
	faulty.Objects, faulty.Catalog = fault.Objects(h.Store.Objects, plan), fault.Catalog(h.Store.Catalog, plan)
	o := intake.AcceptOptions{Row: ref(t, "2:2"), Reason: "checked"}
	_, _ = intake.AcceptRow(t.Context(), &faulty, h.Stream, o)
	got, err := intake.AcceptRow(t.Context(), h.Store, h.Stream, o)
	if err != nil || got.Batch != 3 || changes(got.Changes) != ` amount "1.00" "3.00"` || got.Replaced == nil || got.Replaced.Number != 1 {
		t.Errorf("again: %+v, %v", got, err)
	}
	h.ExpectFolded("0 map[EUR:0.00]", "0 map[]", "1 map[EUR:3.00]")
	h.ExpectRefs("2:1 (2:3)")
	h.Ingest("4 1 1 0 0", h.File("c.jsonl", sale("5", "sale", "1.00", "EUR"))) // writes what is missing beside the batches
	h.VerifyDismissals(1)
}

// TestDismiss dismisses rows, which go with retries as they were, and come back.
func TestDismiss(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 3 1 2 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "gift", "8.00", "EUR")+sale("1", "sale", "2.00", "EUR")))
	h.Ingest("2 2 0 2 0", h.File("b.jsonl", sale("3", "bribe", "2.00", "EUR")+sale("4", "gift", "3.00", "EUR")))
	h.MustDismiss("1:2", false)
	h.MustDismiss("1:3", false)
	if d, err := h.Dismiss("1:2", false); err != nil || !d.Already {
		t.Errorf("again: %+v, %v", d, err)
	}
	if _, err := h.Dismiss("1:1", false); !errors.As(err, new(*event.NoSuchError)) {
		t.Errorf("an accepted row: %v", err)
	}
	if _, err := h.Dismiss("2:1", true); failure.Of(err) != failure.Data {
		t.Errorf("undo of what is not dismissed: %v", err)
	}
	h.Declare(strings.Replace(plainYAML, "refund]", "refund, gift]", 1))
	before := h.Reasons()
	r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(r, "3 4 1 3 0")
	h.ExpectRefs("(1:2) (1:3) 2:1")
	for i, reason := range h.Reasons() {
		if reason[1:] != before[i][1:] {
			t.Errorf("in quarantine is %s, was %s", reason, before[i])
		}
	}
	h.VerifyDismissals(2)
	h.acceptAfter("1:3")
	h.MustDismiss("1:2", true)
	h.ExpectRefs("1:2 2:1")
	if r, err = intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{}); err != nil {
		t.Fatal(err)
	}
	h.Expect(r, "5 2 1 1 0")
	h.VerifyDismissals(0)
}

// acceptAfter accepts a row that was dismissed, which still names its conflict.
func (h *harness) acceptAfter(row string) {
	h.T.Helper()
	h.MustDismiss(row, true)
	h.AcceptRow(row, `4 false amount "1.00" "2.00"`)
}

// TestRetryOversize retries a row that is longer than a line may be, which goes back as it was.
func TestRetryOversize(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 2 0 2 0", h.File("a.jsonl", strings.Repeat("x", 64<<20+10)+"\n"+sale("2", "gift", "8.00", "EUR")))
	before := h.Reasons()
	h.Declare(strings.Replace(plainYAML, "refund]", "refund, gift]", 1))
	r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(r, "2 2 1 1 0")
	if got := h.Reasons(); len(got) != 1 || got[0][1:] != before[0][1:] {
		t.Errorf("in quarantine are %q, were %q", got, before)
	}
	h.Verify()
}

// TestDismissalsRepaired finds dismissals of rows that are not there, which repair removes.
func TestDismissalsRepaired(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 2 0 2 0", h.File("a.jsonl", sale("1", "gift", "1.00", "EUR")+sale("2", "gift", "8.00", "EUR")))
	h.MustDismiss("1:1", false)
	h.MustDismiss("1:2", false)
	err := h.Store.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		return tx.Put("dismissed/sales/00000009/000000000001", event.Dismissal{Stream: "sales", Place: ref(t, "9:1")})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := eventverify.Dismissals(t.Context(), h.Store, "sales"); n != 3 || err == nil || !strings.Contains(err.Error(), "9:1") {
		t.Errorf("verify counts %d, %v", n, err)
	}
	if done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{}); err != nil || len(done.Done) != 1 {
		t.Errorf("repair gives %v, %v", done, err)
	}
	h.ExpectRefs("(1:1) (1:2)")
	h.VerifyDismissals(2)
}

// withoutConflicts rewrites a batch's quarantine as by versions that did not record what a conflict is with.
func withoutConflicts(ctx context.Context, st *event.Store, stream string, batch uint64) error {
	var b event.Batch
	err := st.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		b, err = event.GetBatch(tx, stream, batch)
		return err
	})
	if err != nil {
		return err
	}
	var rows []event.Rejected
	if err := event.ReadQuarantine(ctx, st.Objects, b.Quarantine.Name, func(r event.Rejected) error {
		r.Accepted = nil
		rows = append(rows, r)
		return nil
	}); err != nil {
		return err
	}
	out, err := st.Objects.Create(ctx, b.Quarantine.Name)
	if err != nil {
		return err
	}
	zip, err := zstd.NewWriter(out)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(zip)
	for _, r := range rows {
		err = errors.Join(err, lines.Encode(r))
	}
	return errors.Join(err, zip.Close(), out.Commit())
}
