// Retracting a wrong batch or event, ingesting the right one, and taking it back, through the command line.

package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/app"
	"bursar/internal/event/retract"
)

// paid is one payment of an order.
func paid(id, amount, order string) string {
	return line(`"`+id+`"`, `"`+amount+`"`, today, `"`+order+`"`)
}

// retractShop is a shop with one right batch, and a wrong one behind it that shares an order and an id that it has twice.
func retractShop(t *testing.T) (dir, want string) {
	t.Helper()
	dir = shop(t)
	must(t, 0, "ingest", "payments", file(t, dir, "right.jsonl", paid("a", "1.00", "o-1")+paid("b", "2.00", "o-2")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	want = exportOfOrders(t, dir)
	wrong := paid("a", "1.00", "o-1") + paid("c", "7.00", "o-1") + paid("d", "8.00", "o-3") + badRow
	must(t, 0, "ingest", "payments", file(t, dir, "wrong.jsonl", wrong), "--project", dir)
	return dir, want
}

const why = "the file of another shop"

func TestRetractBatch(t *testing.T) {
	t.Parallel()
	dir, want := retractShop(t)
	must(t, 0, "run", "--project", dir)
	folded := exportOfOrders(t, dir)
	got := value(t, must(t, 0, "retract", "payments", "2", "--reason", why, "--project", dir, "--json"))
	r, rebuilt := object(t, got["retraction"]), item(t, got, "rebuilt", 0)
	if r["events"] != 2.0 || fmt.Sprint(r["totals"]) != "map[amount:map[USD:15.00]]" || r["reason"] != why || r["already"] != false {
		t.Errorf("retract says %v", r)
	}
	if rebuilt["pipeline"] != "orders" || rebuilt["digest_before"] == rebuilt["digest_after"] || rebuilt["digest_before"] == "" {
		t.Errorf("retract rebuilt %v", rebuilt)
	}
	if got := exportOfOrders(t, dir); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	must(t, 0, "verify", "--project", dir)
	must(t, 3, "get", "orders", "o-3", "USD", "--project", dir)
	if got := must(t, 0, "trace", "orders", "o-1", "USD", "--project", dir); strings.Contains(got.out, "wrong.jsonl") {
		t.Errorf("trace says %s", got.out)
	}
	if got := must(t, 0, "quarantine", "--project", dir); !strings.Contains(got.out, "The quarantine is empty") {
		t.Errorf("quarantine says %s", got.out)
	}
	if got := must(t, 0, "status", "--project", dir); !strings.Contains(got.out, "Batch 2 of payments is retracted") || !strings.Contains(got.out, why) {
		t.Errorf("status says %s", got.out)
	}
	got = value(t, must(t, 0, "retract", "payments", "2", "--reason", "again", "--project", dir, "--json"))
	if r := object(t, got["retraction"]); r["already"] != true || r["reason"] != why || r["retraction"] != 1.0 {
		t.Errorf("a second retract says %v", r)
	}

	got = value(t, must(t, 0, "ingest", "payments", file(t, dir, "mended.jsonl", paid("c", "7.50", "o-1")), "--project", dir, "--json"))
	if got["accepted"] != 1.0 {
		t.Errorf("the right file: %v", got)
	}
	must(t, 0, "run", "--project", dir)
	must(t, 0, "verify", "--project", dir)
	refused := must(t, 1, "retract", "payments", "2", "--undo", "--project", dir)
	if !strings.Contains(strings.Join(strings.Fields(refused.err), " "), "bursar retract payments 3 --event c --reason TEXT") {
		t.Errorf("undo says %s", refused.err)
	}
	must(t, 0, "retract", "payments", "3", "--reason", "not this one", "--project", dir)
	got = value(t, must(t, 0, "retract", "payments", "2", "--undo", "--project", dir, "--json"))
	if r := object(t, got["retraction"]); r["undoes"] != 1.0 {
		t.Errorf("undo says %v", r)
	}
	if got := exportOfOrders(t, dir); got != folded {
		t.Errorf("after undo exported is\n%swant\n%s", got, folded)
	}
	got = value(t, must(t, 0, "ingest", "payments", filepath.Join(dir, "wrong.jsonl"), "--project", dir, "--json"))
	if got["duplicates"] != 4.0 {
		t.Errorf("the file after undo: %v", got)
	}
	must(t, 0, "verify", "--project", dir)
}

// TestRetractAfterTotalsChanged: a total that was changed or added after the seal is reported as not known.
func TestRetractAfterTotalsChanged(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	got := must(t, 0, "retract", "payments", "1", "--reason", why, "--project", dir)
	if !strings.Contains(got.out, "466.65") || strings.Contains(got.out, "not known") {
		t.Errorf("retract says %s", got.out)
	}
	rewrite(t, dir, "streams/payments.yaml", "  amount: {sum: amount, by: currency}", "  amount: {sum: amount, by: currency, where: \"amount > 1\"}\n  more: {sum: amount, by: currency}")
	got = must(t, 0, "retract", "payments", "1", "--undo", "--project", dir)
	for _, name := range []string{"amount", "more"} {
		if !strings.Contains(got.out, "control total "+name+" is not known: its definition changed") || strings.Contains(got.out, "466.65") {
			t.Errorf("of %s retract says %s", name, got.out)
		}
	}
	must(t, 0, "run", "--project", dir) // computes what the pipeline conserves
	got = must(t, 0, "retract", "payments", "1", "--reason", why, "--project", dir)
	if !strings.Contains(got.out, "466.65") || strings.Contains(got.out, "not known") {
		t.Errorf("after the run retract says %s", got.out)
	}
	must(t, 0, "verify", "--project", dir)
}

// TestRetractUnfolded retracts a batch before a run: there is nothing to rebuild, and the same file may come again.
func TestRetractUnfolded(t *testing.T) {
	t.Parallel()
	dir, want := retractShop(t)
	got := value(t, must(t, 0, "retract", "payments", "2", "--reason", why, "--project", dir, "--json"))
	if list, ok := got["rebuilt"].([]any); !ok || len(list) != 0 {
		t.Errorf("rebuilt is %v", got["rebuilt"])
	}
	must(t, 0, "run", "--project", dir)
	if got := exportOfOrders(t, dir); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	got = value(t, must(t, 0, "ingest", "payments", filepath.Join(dir, "wrong.jsonl"), "--project", dir, "--json"))
	if got["accepted"] != 2.0 || got["duplicates"] != 1.0 || got["quarantined"] != 1.0 {
		t.Errorf("the same file again: %v", got)
	}
	got = value(t, must(t, 0, "ingest", "payments", filepath.Join(dir, "right.jsonl"), "--project", dir, "--json"))
	if got["duplicates"] != 2.0 || got["batch"] != 0.0 {
		t.Errorf("the right file again: %v", got)
	}
	must(t, 0, "verify", "--project", dir)
}

func TestRetractEvent(t *testing.T) {
	t.Parallel()
	dir, _ := retractShop(t)
	must(t, 0, "run", "--project", dir)
	got := value(t, must(t, 0, "retract", "payments", "--event", "c", "--reason", why, "--project", dir, "--json"))
	if r := object(t, got["retraction"]); r["events"] != 1.0 || r["batch"] != 2.0 || fmt.Sprint(r["totals"]) != "map[amount:map[USD:7.00]]" {
		t.Errorf("retract says %v", r)
	}
	if got := must(t, 0, "get", "orders", "o-1", "USD", "--project", dir, "--json"); !strings.Contains(got.out, `"paid":"1.00"`) {
		t.Errorf("get says %s", got.out)
	}
	must(t, 0, "verify", "--project", dir)
	for _, id := range []string{"c", `"c"`} {
		if got := must(t, 0, "retract", "payments", "--event", id, "--reason", "x", "--project", dir); !strings.Contains(got.out, "already") || !strings.Contains(got.out, why) {
			t.Errorf("again: %s", got.out)
		}
	}
	must(t, 0, "ingest", "payments", file(t, dir, "mended.jsonl", paid("c", "7.50", "o-1")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	if got := must(t, 0, "get", "orders", "o-1", "USD", "--project", dir, "--json"); !strings.Contains(got.out, `"paid":"8.50"`) {
		t.Errorf("get says %s", got.out)
	}
	if got := must(t, 1, "retract", "payments", "2", "--event", "c", "--undo", "--project", dir); !strings.Contains(got.err, "bursar retract payments 3") {
		t.Errorf("undo says %s", got.err)
	}
	must(t, 0, "retract", "payments", "3", "--event", "c", "--reason", "wrong again", "--project", dir)
	must(t, 0, "retract", "payments", "2", "--event", "c", "--undo", "--project", dir)
	if got := must(t, 0, "get", "orders", "o-1", "USD", "--project", dir, "--json"); !strings.Contains(got.out, `"paid":"8.00"`) {
		t.Errorf("get says %s", got.out)
	}
	must(t, 0, "verify", "--project", dir)
}

// TestRetractUsage asks for what cannot be done.
func TestRetractUsage(t *testing.T) {
	t.Parallel()
	dir, _ := retractShop(t)
	for _, c := range []struct {
		code    int
		message string
		args    []string
	}{
		{2, "--reason", []string{"payments", "2"}},
		{2, "--reason", []string{"payments", "2", "--reason", " "}},
		{2, "--event", []string{"payments", "--reason", why}},
		{2, "number of a batch", []string{"payments", "two", "--reason", why}},
		{2, "number of a batch", []string{"payments", "0", "--reason", why}},
		{3, "its last batch is 2", []string{"payments", "3", "--reason", why}},
		{3, "event_id", []string{"payments", "--event", "e", "--reason", why}},
		{3, "event_id", []string{"payments", "1", "--event", "c", "--reason", why}},
		{3, "the project declares payments", []string{"nothing", "1", "--reason", why}},
		{1, "not retracted", []string{"payments", "1", "--undo"}},
		{1, "bursar import", []string{"entries", "1", "--reason", why}},
	} {
		if got := must(t, c.code, append(append([]string{"retract"}, c.args...), "--project", dir)...); !strings.Contains(got.err, c.message) {
			t.Errorf("%q says %s", c.args, got.err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".bursar", "objects", "streams", "payments", "retractions", "*")); err != nil || len(left) > 0 {
		t.Errorf("left are %q, %v", left, err)
	}
	must(t, 0, "verify", "--project", dir)
}

// markOnly retracts a batch and leaves the rebuild, as a process does that is killed in between.
func markOnly(t *testing.T, dir string, o retract.Options) {
	t.Helper()
	ctx := context.Background()
	a, err := app.Open(ctx, dir, "retract", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, err = retract.Retract(ctx, a.Events, a.Project.Stream("payments"), o)
	if closed := a.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
}

// TestRetractCutShort leaves the rebuild out: everything says so, and nothing gives the old figure without a word.
func TestRetractCutShort(t *testing.T) {
	t.Parallel()
	for name, mend := range map[string][]string{"rebuild": {"rebuild", "orders"}, "again": {"retract", "payments", "2", "--reason", why}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, want := retractShop(t)
			must(t, 0, "run", "--project", dir)
			markOnly(t, dir, retract.Options{Batch: 2, Reason: why})
			for _, args := range [][]string{
				{"run"},
				{"get", "orders", "o-1", "USD"},
				{"trace", "orders", "o-1", "USD"},
				{"exceptions", "orders"},
				{"export", "orders", "--to", filepath.Join(t.TempDir(), "x.csv")},
				{"verify", "orders"},
				{"verify"},
			} {
				got := must(t, 1, append(args, "--project", dir)...)
				if text := got.out + got.err; !strings.Contains(text, "bursar rebuild orders") || !strings.Contains(text, "batch 2 of payments is retracted") {
					t.Errorf("%q says %s", args, text)
				}
			}
			for _, args := range [][]string{{"status"}, {"check"}} {
				if got := must(t, 0, append(args, "--project", dir)...); !strings.Contains(got.out, "bursar rebuild orders") {
					t.Errorf("%q says %s", args, got.out)
				}
			}
			must(t, 0, append(mend, "--project", dir)...)
			if got := exportOfOrders(t, dir); got != want {
				t.Errorf("exported is\n%swant\n%s", got, want)
			}
			must(t, 0, "verify", "--project", dir)
		})
	}
}

// TestRetractDamaged takes the catalog away, the retraction, or both: it comes back from the other, or from a copy.
func TestRetractDamaged(t *testing.T) {
	t.Parallel()
	base, want := retractShop(t)
	must(t, 0, "retract", "payments", "2", "--reason", why, "--project", base)
	must(t, 0, "run", "--project", base)
	state := filepath.Join(base, ".bursar")
	object := "objects/streams/payments/retractions/00000001.json"
	for name, removed := range map[string][]string{"catalog": {"catalog.db*"}, "object": {object}, "both": {"catalog.db*", object}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, base)
			for _, pattern := range removed {
				remove(t, filepath.Join(dir, ".bursar", pattern))
			}
			found := must(t, 1, "verify", "--project", dir)
			if !strings.Contains(found.out, "bursar repair") {
				t.Errorf("verify says %s", found.out)
			}
			args := []string{"repair", "--project", dir}
			if name == "both" {
				args = append(args, "--from", state)
			}
			must(t, 0, args...)
			must(t, 0, "verify", "--project", dir)
			if got := exportOfOrders(t, dir); got != want && name != "both" { // nothing says then that there was one
				t.Errorf("exported is\n%swant\n%s", got, want)
			}
		})
	}
}

// TestRetractOneOfTwoStreams retracts in one stream of a pipeline of two: what the other brought stays.
func TestRetractOneOfTwoStreams(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	for _, name := range []string{"books", "bank"} {
		file(t, dir, "streams/"+name+".yaml", "stream: "+name+"\nformat: jsonl\nid: id\ntime: at\ncolumns:\n  id: {type: string}\n  ref: {type: string, optional: true}\n"+
			"  amount: {type: \"decimal(18,2)\"}\n  at: {type: date}\ntotals:\n  moved: {sum: amount}\n")
	}
	file(t, dir, "pipelines/both.yaml", "pipeline: both\nfrom: [books, bank]\nkey: ref\nartifact:\n"+
		"  books: {sum: amount, where: \"stream = 'books'\"}\n  bank: {sum: amount, where: \"stream = 'bank'\"}\nconserve:\n  moved: \"books + bank\"\n")
	event := func(id, ref, amount string) string {
		return fmt.Sprintf(`{"id":%q,"ref":%s,"amount":%q,"at":"2026-01-02"}`+"\n", id, ref, amount)
	}
	export := func() string {
		path := filepath.Join(t.TempDir(), "both.jsonl")
		return fmt.Sprint(value(t, must(t, 0, "export", "both", "--to", path, "--project", dir, "--json"))["digest"])
	}
	must(t, 0, "ingest", "books", file(t, dir, "a.jsonl", event("1", `"r"`, "5.00")+event("2", "null", "1.00")), "--project", dir)
	must(t, 0, "ingest", "bank", file(t, dir, "b.jsonl", event("1", `"r"`, "4.00")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	want := export()
	must(t, 0, "ingest", "books", file(t, dir, "c.jsonl", event("3", `"r"`, "7.00")+event("4", "null", "9.00")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "retract", "books", "2", "--reason", why, "--project", dir)
	if got := export(); got != want {
		t.Errorf("the digest is %s, want %s", got, want)
	}
	if got := must(t, 0, "unkeyed", "both", "--project", dir, "--json"); strings.Contains(got.out, "9.00") || !strings.Contains(got.out, "1.00") {
		t.Errorf("unkeyed says %s", got.out)
	}
	must(t, 0, "retract", "books", "--event", "2", "--reason", why, "--project", dir)
	if got := must(t, 0, "unkeyed", "both", "--project", dir, "--json"); strings.Contains(got.out, "1.00") {
		t.Errorf("unkeyed says %s", got.out)
	}
	must(t, 0, "verify", "--project", dir)
	must(t, 0, "retract", "books", "2", "--undo", "--project", dir)
	if got := must(t, 0, "get", "both", "r", "--project", dir, "--json"); !strings.Contains(got.out, `"books":"12.00","bank":"4.00"`) {
		t.Errorf("get says %s", got.out)
	}
	must(t, 0, "verify", "--project", dir)
}
