// Resolving rows in quarantine through the command line: a conflict is accepted, another row dismissed, and each comes back.

package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/app"
	"bursar/internal/event"
	"bursar/internal/event/intake"
)

// conflictShop is a shop that has folded one version of an event; two others are in quarantine, and a row that is wrong.
func conflictShop(t *testing.T) (dir string) {
	t.Helper()
	dir = shop(t)
	must(t, 0, "ingest", "payments", file(t, dir, "first.jsonl", paid("a", "1.00", "o-1")+paid("b", "2.00", "o-2")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "ingest", "payments", file(t, dir, "second.jsonl", paid("a", "1.50", "o-1")+paid("a", "1.75", "o-3")+pounds+paid("c", "4.00", "o-2")), "--project", dir)
	return dir
}

// pounds is a row in a currency that the stream does not declare.
var pounds = strings.Replace(paid("z", "9.00", "o-9"), "USD", "GBP", 1)

// acceptedShop is what the artifacts must be when a version is accepted.
func acceptedShop(t *testing.T, version string) string {
	t.Helper()
	dir := shop(t)
	must(t, 0, "ingest", "payments", file(t, dir, "right.jsonl", version+paid("b", "2.00", "o-2")+paid("c", "4.00", "o-2")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	return exportOfOrders(t, dir)
}

// refsOf are the rows that quarantine lists.
func refsOf(t *testing.T, dir string, args ...string) (list []string) {
	t.Helper()
	for _, row := range listIn(t, value(t, must(t, 0, append(append([]string{"quarantine", "--json"}, args...), "--project", dir)...)), "rows") {
		list = append(list, plainText(object(t, row)["ref"]))
	}
	return list
}

func expectRefs(t *testing.T, dir, want string, args ...string) {
	t.Helper()
	if got := strings.Join(refsOf(t, dir, args...), " "); got != want {
		t.Errorf("quarantine %q lists %s, want %s", args, got, want)
	}
}

func TestAcceptConflict(t *testing.T) {
	t.Parallel()
	dir := conflictShop(t)
	expectRefs(t, dir, "2:1 2:2 2:3")
	shown := must(t, 0, "quarantine", "--project", dir).out
	if !strings.Contains(shown, "│ 2:1 ") || !strings.Contains(shown, "next: bursar quarantine payments --accept 2:1") {
		t.Errorf("quarantine says\n%s", shown)
	}
	if got := must(t, 0, "status", "--project", dir); !strings.Contains(got.out, "3 rows of payments: bursar quarantine payments") {
		t.Errorf("status says %s", got.out)
	}
	got := value(t, must(t, 0, "quarantine", "payments", "--accept", "2:2", "--reason", why, "--project", dir, "--json"))
	out, changes := object(t, got["retraction"]), listIn(t, got, "changes")
	if got["event"] != `"a"` || got["batch"] != 3.0 || got["already"] != false || out["batch"] != 1.0 || !strings.Contains(plainText(out["reason"]), why) {
		t.Errorf("accept says %v", got)
	}
	if text := fmt.Sprint(changes...); !strings.Contains(text, "column:amount new:1.75 old:1.00") || !strings.Contains(text, "column:order_id new:o-3 old:o-1") {
		t.Errorf("changes are %s", text)
	}
	if rebuilt := item(t, got, "rebuilt", 0); rebuilt["pipeline"] != "orders" || rebuilt["digest_before"] == rebuilt["digest_after"] {
		t.Errorf("rebuilt is %v", rebuilt)
	}
	if got, want := exportOfOrders(t, dir), acceptedShop(t, paid("a", "1.75", "o-3")); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	must(t, 0, "verify", "--project", dir)
	expectRefs(t, dir, "2:1 2:3")
	got = value(t, must(t, 0, "quarantine", "payments", "--accept", "2:2", "--reason", "again", "--project", dir, "--json"))
	if got["already"] != true || len(listIn(t, got, "changes")) != len(changes) || length(t, got, "rebuilt") != 0 {
		t.Errorf("a second accept says %v", got)
	}
	if got := must(t, 0, "quarantine", "payments", "--accept", "2:1", "--reason", why, "--project", dir); !strings.Contains(got.out, `"1.75"`) || !strings.Contains(got.out, `"1.50"`) {
		t.Errorf("accept says %s", got.out)
	}
	if got, want := exportOfOrders(t, dir), acceptedShop(t, paid("a", "1.50", "o-1")); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	must(t, 0, "verify", "--project", dir)

	must(t, 0, "retract", "payments", "--event", "a", "--reason", "neither", "--project", dir) // the way back to the first
	must(t, 0, "retract", "payments", "1", "--event", "a", "--undo", "--project", dir)
	if got, want := exportOfOrders(t, dir), acceptedShop(t, paid("a", "1.00", "o-1")); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	must(t, 3, "quarantine", "payments", "--accept", "2:1", "--reason", why, "--project", dir)
	must(t, 0, "verify", "--project", dir)
}

// TestAcceptUnfolded accepts before a run, and a row whose older event is retracted already: there is nothing to rebuild.
func TestAcceptUnfolded(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", file(t, dir, "first.jsonl", paid("a", "1.00", "o-1")+paid("a", "2.00", "o-1")+paid("b", "2.00", "o-2")+paid("b", "4.00", "o-2")), "--project", dir)
	if got := must(t, 0, "quarantine", "payments", "--accept", "1:2", "--reason", why, "--project", dir); !strings.Contains(got.out, "next: bursar run") || strings.Contains(got.out, "rebuilt") {
		t.Errorf("accept says %s", got.out)
	}
	must(t, 0, "run", "--project", dir)
	must(t, 0, "retract", "payments", "--event", "b", "--reason", "wrong", "--project", dir)
	got := value(t, must(t, 0, "quarantine", "payments", "--accept", "1:4", "--reason", why, "--project", dir, "--json"))
	if got["retraction"] != nil || length(t, got, "rebuilt") != 0 || length(t, got, "changes") == 0 {
		t.Errorf("accept says %v", got)
	}
	must(t, 0, "run", "--project", dir)
	if got, want := exportOfOrders(t, dir), paid("a", "2.00", "o-1")+paid("b", "4.00", "o-2"); got != exportedOf(t, want) {
		t.Errorf("exported is\n%s", got)
	}
	expectRefs(t, dir, "")
	must(t, 0, "verify", "--project", dir)
}

// exportedOf returns the artifacts of some events.
func exportedOf(t *testing.T, text string) string {
	t.Helper()
	dir := shop(t)
	must(t, 0, "ingest", "payments", file(t, dir, "all.jsonl", text), "--project", dir)
	must(t, 0, "run", "--project", dir)
	return exportOfOrders(t, dir)
}

func TestDismissRow(t *testing.T) {
	t.Parallel()
	dir := conflictShop(t)
	got := value(t, must(t, 0, "quarantine", "payments", "--dismiss", "2:3", "--reason", why, "--project", dir, "--json"))
	if got["ref"] != "2:3" || got["reason"] != why || got["already"] != false || got["undone"] != false {
		t.Errorf("dismiss says %v", got)
	}
	must(t, 0, "quarantine", "payments", "--dismiss", "2:1", "--reason", "the old one is right", "--project", dir)
	if got := must(t, 0, "quarantine", "payments", "--dismiss", "2:3", "--reason", "x", "--project", dir); !strings.Contains(got.out, "already") || !strings.Contains(got.out, why) {
		t.Errorf("again: %s", got.out)
	}
	expectRefs(t, dir, "2:2")
	expectRefs(t, dir, "2:1 2:3", "--dismissed")
	if got := value(t, must(t, 0, "quarantine", "--project", dir, "--json")); got["dismissed"] != 2.0 {
		t.Errorf("quarantine says %v", got)
	}
	if got := must(t, 0, "quarantine", "--dismissed", "--project", dir).out; !strings.Contains(got, why) || !strings.Contains(got, "2 rows are dismissed") {
		t.Errorf("quarantine says %s", got)
	}
	status := value(t, must(t, 0, "status", "--project", dir, "--json"))
	if q := item(t, status, "quarantine", 0); q["stream"] != "payments" || q["rows"] != 1.0 || q["dismissed"] != 2.0 {
		t.Errorf("status says %v", q)
	}
	rewrite(t, dir, "streams/payments.yaml", "in: [USD,", "in: [GBP, USD,")
	must(t, 0, "quarantine", "payments", "--retry", "--project", dir)
	must(t, 1, "quarantine", "payments", "--accept", "2:1", "--reason", why, "--project", dir)
	must(t, 0, "quarantine", "payments", "--accept", "2:2", "--reason", why, "--project", dir)
	expectRefs(t, dir, "")
	expectRefs(t, dir, "2:1 2:3", "--dismissed")
	must(t, 0, "verify", "--project", dir)
	must(t, 0, "run", "--project", dir)
	if got := must(t, 0, "quarantine", "--retry", "--project", dir); !strings.Contains(got.out, "0 rows are in quarantine, and 2 are dismissed") {
		t.Errorf("quarantine says %s", got.out)
	}

	if got := must(t, 0, "quarantine", "payments", "--dismiss", "2:3", "--undo", "--project", dir); !strings.Contains(got.out, "is not dismissed any more") {
		t.Errorf("undo says %s", got.out)
	}
	must(t, 1, "quarantine", "payments", "--dismiss", "2:3", "--undo", "--project", dir)
	expectRefs(t, dir, "2:3")
	must(t, 0, "quarantine", "payments", "--retry", "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "get", "orders", "o-9", "GBP", "--project", dir)
	expectRefs(t, dir, "2:1", "--dismissed")
	must(t, 0, "verify", "--project", dir)
}

// TestResolveUsage asks for what cannot be done.
func TestResolveUsage(t *testing.T) {
	t.Parallel()
	dir := conflictShop(t)
	for _, c := range []struct {
		code    int
		message string
		args    []string
	}{
		{2, "--reason", []string{"payments", "--accept", "2:1"}},
		{2, "--reason", []string{"payments", "--dismiss", "2:1", "--reason", " "}},
		{2, "name the stream", []string{"--accept", "2:1", "--reason", why}},
		{2, "3:17", []string{"payments", "--accept", "2", "--reason", why}},
		{2, "3:17", []string{"payments", "--dismiss", "0:1", "--reason", why}},
		{2, "one row", []string{"payments", "--accept", "2:1", "--dismiss", "2:1", "--reason", why}},
		{2, "one row", []string{"payments", "--accept", "2:1", "--retry", "--reason", why}},
		{2, "bursar retract", []string{"payments", "--accept", "2:1", "--undo"}},
		{2, "--dismiss ROW", []string{"payments", "--reason", why}},
		{3, "bursar quarantine payments", []string{"payments", "--accept", "1:1", "--reason", why}},
		{3, "bursar quarantine payments", []string{"payments", "--dismiss", "7:1", "--reason", why}},
		{3, "the project declares payments", []string{"nothing", "--dismiss", "2:1", "--reason", why}},
		{1, "--retry", []string{"payments", "--accept", "2:3", "--reason", why}},
		{1, "not dismissed", []string{"payments", "--dismiss", "2:1", "--undo"}},
		{1, "bursar import", []string{"entries", "--accept", "2:1", "--reason", why}},
	} {
		if got := must(t, c.code, append(append([]string{"quarantine"}, c.args...), "--project", dir)...); !strings.Contains(got.err, c.message) {
			t.Errorf("%q says %s", c.args, got.err)
		}
	}
	expectRefs(t, dir, "2:1 2:2 2:3")
	must(t, 0, "verify", "--project", dir)
}

// TestAcceptCutShort leaves the rebuild out, as a process does that is killed in between: the same command makes up for it.
func TestAcceptCutShort(t *testing.T) {
	t.Parallel()
	dir := conflictShop(t)
	ctx := context.Background()
	a, err := app.Open(ctx, dir, "quarantine", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	row, _ := event.ParsePlace("2:1")
	_, err = intake.AcceptRow(ctx, a.Events, a.Project.Stream("payments"), intake.AcceptOptions{Row: row, Reason: why})
	if closed := a.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	if got := must(t, 1, "get", "orders", "o-1", "USD", "--project", dir); !strings.Contains(got.err, "bursar rebuild orders") {
		t.Errorf("get says %s", got.err)
	}
	got := value(t, must(t, 0, "quarantine", "payments", "--accept", "2:1", "--reason", why, "--project", dir, "--json"))
	if got["already"] != true || length(t, got, "rebuilt") != 1 {
		t.Errorf("accept says %v", got)
	}
	if got, want := exportOfOrders(t, dir), acceptedShop(t, paid("a", "1.50", "o-1")); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	must(t, 0, "verify", "--project", dir)
}

// TestResolvedDamaged loses the catalog: what was accepted comes back from the objects, and what was dismissed waits again.
func TestResolvedDamaged(t *testing.T) {
	t.Parallel()
	dir := conflictShop(t)
	must(t, 0, "quarantine", "payments", "--accept", "2:1", "--reason", why, "--project", dir)
	must(t, 0, "quarantine", "payments", "--dismiss", "2:3", "--reason", why, "--project", dir)
	want := exportOfOrders(t, dir)
	remove(t, filepath.Join(dir, ".bursar", "catalog.db*"))
	must(t, 0, "repair", "--project", dir)
	must(t, 0, "run", "--project", dir)
	if got := exportOfOrders(t, dir); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	expectRefs(t, dir, "2:2 2:3")
	must(t, 0, "verify", "--project", dir)
}
