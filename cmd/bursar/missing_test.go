// A retraction or a batch that is lost with an older catalog, and that no copy has: commands refuse to go on without a word, and name
// the one that does.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMissingRetraction puts an older catalog back and loses the first of the two retractions that it does not know.
func TestMissingRetraction(t *testing.T) {
	t.Parallel()
	dir, _ := fourBatches(t)
	path := filepath.Join(dir, ".bursar", "catalog.db")
	older, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	must(t, 0, "retract", "payments", "3", "--reason", why, "--project", dir)
	want := exportOfOrders(t, dir)
	must(t, 0, "retract", "payments", "--event", "d", "--reason", why, "--project", dir)
	kept := copyProject(t, dir)
	must(t, 0, "retract", "payments", "3", "--undo", "--project", dir)
	without := exportOfOrders(t, dir) // what only the second retraction leaves out
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(dir, ".bursar", "objects", "streams", "payments", "retractions", "00000001.json"))
	remove(t, filepath.Join(dir, ".bursar", "objects", "streams", "payments", "retractions", "00000003.json"))
	refused := func() {
		t.Helper()
		for _, args := range [][]string{
			{"run"},
			{"rebuild", "orders"},
			{"export", "orders", "--to", filepath.Join(t.TempDir(), "out.csv")},
			{"get", "orders", "a", "USD"},
			{"status"},
			{"ingest", "payments", file(t, dir, "e.jsonl", good("e"))},
			{"retract", "payments", "1", "--reason", why},
			{"verify"},
			{"repair"},
		} {
			got := bursar(t, append(args, "--project", dir)...)
			text := strings.Join(strings.Fields(got.out+got.err), " ")
			if got.code == 0 || !strings.Contains(text, "`bursar repair --from BACKUP`") || !strings.Contains(text, `bursar repair --give-up "retraction 1 of payments" --reason TEXT`) {
				t.Errorf("%s ends with %d: %s%s", args[0], got.code, got.out, got.err)
			}
		}
	}
	refused()
	refused() // after the repair has entered the second one

	restored := copyProject(t, dir)
	must(t, 1, "repair", "--from", kept, "--project", restored) // the pipeline is to be rebuilt
	must(t, 0, "rebuild", "orders", "--project", restored)
	must(t, 0, "repair", "--project", restored)
	must(t, 0, "verify", "--project", restored)
	if got := exportOfOrders(t, restored); got == want || strings.Count(got, "\n") != 2 {
		t.Errorf("with the copy's exported is\n%s", got)
	}

	must(t, 2, "repair", "--give-up", "retraction 1 of payments", "--project", dir)
	must(t, 2, "repair", "--give-up", "retraction 1 of payments", "--reason", "x", "--from", kept, "--project", dir)
	must(t, 2, "repair", "--give-up", "payments 1", "--reason", "x", "--project", dir)
	must(t, 2, "repair", "--reason", "x", "--project", dir)
	must(t, 1, "repair", "--give-up", "retraction 2 of payments", "--reason", "x", "--project", dir)
	must(t, 3, "repair", "--give-up", "retraction 1 of others", "--reason", "x", "--project", dir)
	got := must(t, 1, "repair", "--give-up", "retraction 1 of payments", "--reason", "no copy", "--project", dir)
	if !strings.Contains(got.out, "gave up retraction 1 of payments (no copy)") || !strings.Contains(got.err, "`bursar rebuild orders`") {
		t.Errorf("repair says %s%s", got.out, got.err)
	}
	must(t, 0, "rebuild", "orders", "--project", dir)
	must(t, 0, "repair", "--project", dir)
	must(t, 0, "verify", "--project", dir)
	if got := exportOfOrders(t, dir); got != without {
		t.Errorf("exported is\n%swant\n%s", got, without)
	}
	if got := must(t, 0, "status", "--project", dir); !strings.Contains(got.out, "Retraction 1 of payments was missing and was given up (no copy) at ") {
		t.Errorf("status says %s", got.out)
	}
	status := value(t, must(t, 0, "status", "--project", dir, "--json"))
	if given := item(t, status, "given_up", 0); given["stream"] != "payments" || given["retraction"] != 1.0 || given["reason"] != "no copy" {
		t.Errorf("status says %v", status)
	}
}

// TestAcceptedRowLosesItsRetraction: the event and the row that was accepted in its place both count once the retraction is given up.
func TestAcceptedRowLosesItsRetraction(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", file(t, dir, "a.jsonl", paid("a", "1.00", "o-1")), "--project", dir)
	must(t, 0, "ingest", "payments", file(t, dir, "b.jsonl", paid("a", "2.00", "o-1")+paid("b", "1.00", "o-2")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	path := filepath.Join(dir, ".bursar", "catalog.db")
	older, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	must(t, 0, "quarantine", "payments", "--accept", "2:1", "--reason", why, "--project", dir)
	must(t, 0, "run", "--project", dir)
	want := exportOfOrders(t, dir)
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(dir, ".bursar", "objects", "streams", "payments", "retractions", "00000001.json"))
	must(t, 1, "repair", "--project", dir)
	if got := bursar(t, "run", "--project", dir); got.code != 1 || !strings.Contains(got.err, "retraction 1 of payments is missing") {
		t.Errorf("run ends with %d: %s%s", got.code, got.out, got.err)
	}
	for _, args := range [][]string{{"repair", "--give-up", "retraction 1 of payments", "--reason", "no copy"}, {"verify"}, {"repair"}} {
		got := bursar(t, append(args, "--project", dir)...)
		if !strings.Contains(strings.Join(strings.Fields(got.out), " "), `event "a" of payments counts twice: in batch 1 (`+filepath.Join(dir, "a.jsonl")+`, row 1) and in batch 3 (`+filepath.Join(dir, "b.jsonl")+
			", row 1); retract the wrong one: `bursar retract payments 1 --event a --reason TEXT` or `bursar retract payments 3 --event a --reason TEXT`") || got.code == 0 {
			t.Errorf("%s ends with %d: %s%s", args[0], got.code, got.out, got.err)
		}
		if args[0] == "repair" && !strings.Contains(got.err, "hint: for each pair of events with one id, retract one") {
			t.Errorf("the hint is %s", got.err)
		}
	}
	must(t, 0, "retract", "payments", "1", "--event", "a", "--reason", why, "--project", dir)
	must(t, 0, "repair", "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "verify", "--project", dir)
	if got := exportOfOrders(t, dir); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
}

// TestMissingBatch gives up a batch that is missing with the catalog; later batches count, and the file may be ingested again.
func TestMissingBatch(t *testing.T) {
	t.Parallel()
	base, want := fourBatches(t)
	for missing, id := range map[string]string{"00000001": "a", "00000003": "c"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, base)
			remove(t, filepath.Join(dir, ".bursar", "catalog.db*"), batchFolder(dir, missing))
			name := "batch " + strings.TrimLeft(missing, "0") + " of payments"
			for _, command := range []string{"repair", "run", "repair"} {
				got := bursar(t, command, "--project", dir)
				if got.code != 1 || !strings.Contains(strings.Join(strings.Fields(got.out+got.err), " "), `bursar repair --give-up "`+name+`" --reason TEXT`) {
					t.Errorf("%s ends with %d: %s%s", command, got.code, got.out, got.err)
				}
			}
			must(t, 1, "repair", "--give-up", "batch 2 of payments", "--reason", "x", "--project", dir)
			got := must(t, 0, "repair", "--give-up", name, "--reason", "no copy", "--project", dir)
			if !strings.Contains(got.out, "gave up "+name) {
				t.Errorf("repair says %s", got.out)
			}
			must(t, 0, "verify", "--project", dir)
			must(t, 0, "run", "--project", dir)
			must(t, 0, "verify", "--project", dir)
			if got := must(t, 0, "status", "--project", dir); !strings.Contains(got.out, "atch "+name[len("batch "):]+" was missing and was given up (no copy) at ") {
				t.Errorf("status says %s", got.out)
			}
			if got := value(t, must(t, 0, "ingest", "payments", filepath.Join(dir, id+".jsonl"), "--project", dir, "--json")); got["accepted"] != 1.0 {
				t.Errorf("its file is taken in as %v", got)
			}
			must(t, 0, "run", "--project", dir)
			must(t, 0, "verify", "--project", dir)
			if got := exportOfOrders(t, dir); got != want {
				t.Errorf("exported is\n%swant\n%s", got, want)
			}
		})
	}
}

// TestGaveUpAndFailed gives up two batches, of which the second is not missing: the first is reported all the same.
func TestGaveUpAndFailed(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	payments, err := os.ReadFile(filepath.Join(dir, "streams", "payments.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, "streams/returns.yaml", strings.Replace(string(payments), "stream: payments", "stream: returns", 1))
	for _, stream := range []string{"payments", "returns"} {
		must(t, 0, "ingest", stream, file(t, dir, stream+".jsonl", good("a")), "--project", dir)
	}
	remove(t, filepath.Join(batchFolder(dir, "00000001"), "events*"))
	got := must(t, 1, "repair", "--give-up", "batch 1 of payments", "--give-up", "batch 1 of returns", "--reason", "no copy", "--project", dir)
	if !strings.Contains(got.out, "gave up batch 1 of payments (no copy)") || !strings.Contains(got.err, "give up batch 1 of returns: it is not missing") {
		t.Errorf("repair says %s%s", got.out, got.err)
	}
}
