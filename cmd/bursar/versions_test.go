// Streams that keep versions of an event, through the command line.

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

const statesYAML = `stream: states
format: jsonl
id: id
versions: keep
columns:
  id: {type: string}
  status: {type: string}
  amount: {type: "decimal(18,2)"}
totals:
  amount: {sum: amount}
`

const bookingsYAML = `pipeline: bookings
from: states
key: id
artifact:
  status: {last: status, by: _received}
  first_status: {first: status, by: _received}
  amount: {last: amount, by: _received}
  most: {max: amount}
  history: {list: [status, amount], by: _received}
  two: {list: [status], by: status, keep: 2}
`

// statesOf are rows of "id status amount".
func statesOf(rows ...string) string {
	var text strings.Builder
	for _, row := range rows {
		f := strings.Fields(row)
		text.WriteString(`{"id":"` + f[0] + `","status":"` + f[1] + `","amount":"` + f[2] + "\"}\n")
	}
	return text.String()
}

// statesProject is a project that keeps versions, or not yet.
func statesProject(t *testing.T, stream string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "streams/states.yaml", stream)
	file(t, dir, "pipelines/bookings.yaml", bookingsYAML)
	return dir
}

// TestVersionsInOrderOfReceipt: the file that comes later has the later versions, whether it comes in the same batch or in one of its own, and
// whatever the partitions.
func TestVersionsInOrderOfReceipt(t *testing.T) {
	t.Parallel()
	pending := statesOf("a pending 10.00", "b pending 5.00", "b posted 5.00")
	posted := statesOf("a posted 10.50", "a posted 10.50", "b pending 5.00")
	const beginning = `{"key":"a","artifact":{"status":`
	want := map[bool]string{
		true: beginning + `"posted","first_status":"pending","amount":"10.50","most":"10.50","history":[{"status":"pending","amount":"10.00"},` +
			`{"status":"posted","amount":"10.50"}],"two":[{"status":"pending"},{"status":"posted"}]}}`,
		false: beginning + `"pending","first_status":"posted","amount":"10.00","most":"10.50","history":[{"status":"posted","amount":"10.50"},` +
			`{"status":"pending","amount":"10.00"}],"two":[{"status":"pending"},{"status":"posted"}]}}`,
	}
	for inOrder, line := range want {
		made := map[string]bool{}
		for _, together := range []bool{true, false} {
			dir := statesProject(t, statesYAML)
			if together {
				rewrite(t, dir, "pipelines/bookings.yaml", "key: id\n", "key: id\npartitions: 2\n")
			}
			files := []string{file(t, dir, "pending.jsonl", pending), file(t, dir, "posted.jsonl", posted)}
			if !inOrder {
				files[0], files[1] = files[1], files[0]
			}
			if together {
				must(t, 0, "ingest", "states", files[0], files[1], "--project", dir)
			}
			for _, path := range files {
				if !together {
					must(t, 0, "ingest", "states", path, "--project", dir)
				}
				if got := must(t, 0, "run", "--project", dir); strings.Contains(got.out, "Published") && !strings.Contains(got.out, "next: bursar export bookings") {
					t.Errorf("run says %s", got.out) // there are no open items to look at
				}
			}
			got := exported(t, dir, "bookings")
			if first, _, _ := strings.Cut(got, "\n"); first != line {
				t.Errorf("in order %v, together %v:\n%s\nwant\n%s", inOrder, together, first, line)
			}
			made[got] = true
			must(t, 0, "verify", "--project", dir)
			must(t, 0, "rebuild", "bookings", "--project", dir)
			if again := exported(t, dir, "bookings"); again != got {
				t.Errorf("rebuilt is\n%swas\n%s", again, got)
			}
			for _, path := range files {
				if again := value(t, must(t, 0, "ingest", "states", path, "--project", dir, "--json")); again["duplicates"] != 3.0 {
					t.Errorf("a file that comes again: %v", again)
				}
			}
		}
		if len(made) != 1 {
			t.Errorf("in order %v, artifacts depend on the batches: %v", inOrder, made)
		}
	}
}

// TestVersionsDeclaredAfterConflicts: rows that were conflicts become versions where they were received, and nothing is lost.
func TestVersionsDeclaredAfterConflicts(t *testing.T) {
	t.Parallel()
	dir := statesProject(t, strings.Replace(statesYAML, "versions: keep\n", "", 1))
	file(t, dir, "pipelines/bookings.yaml", strings.ReplaceAll(bookingsYAML, "_received", "id"))
	must(t, 0, "ingest", "states", file(t, dir, "1.jsonl", statesOf("a pending 10.00")), "--project", dir)
	must(t, 0, "ingest", "states", file(t, dir, "2.jsonl", statesOf("a held 10.00", "b posted 1.00")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	file(t, dir, "streams/states.yaml", statesYAML)
	file(t, dir, "pipelines/bookings.yaml", bookingsYAML)
	must(t, 0, "ingest", "states", file(t, dir, "3.jsonl", statesOf("a posted 10.00", "a pending 10.00")), "--project", dir)
	if listed := must(t, 0, "quarantine", "states", "--project", dir); !strings.Contains(listed.out, "next: bursar quarantine states --retry") {
		t.Errorf("quarantine says %s", listed.out)
	}
	if retried := must(t, 0, "quarantine", "states", "--retry", "--project", dir, "--json"); !strings.Contains(retried.out, `"accepted":1,"quarantined":0`) {
		t.Errorf("retry says %s", retried.out)
	}
	refused := must(t, 1, "run", "--project", dir)
	if !strings.Contains(refused.err, "versions of states") || !strings.Contains(refused.err, "bursar rebuild bookings") {
		t.Errorf("run says %s", refused.err)
	}
	must(t, 0, "rebuild", "bookings", "--project", dir)
	must(t, 0, "run", "--project", dir)
	const want = `"status":"posted","first_status":"pending","amount":"10.00","most":"10.00","history":[{"status":"pending","amount":"10.00"},` +
		`{"status":"held","amount":"10.00"},{"status":"posted","amount":"10.00"}]`
	if got := exported(t, dir, "bookings"); !strings.Contains(got, want) {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	must(t, 0, "verify", "--project", dir)
	traced := value(t, must(t, 0, "trace", "bookings", "a", "--project", dir, "--json"))
	for i, want := range []float64{1, 2, 3} {
		e := item(t, traced, "events", i)
		if received := object(t, e["received"]); received["file"] != want || received["row"] != 1.0 {
			t.Errorf("event %d of the trace: %v", i, e)
		}
	}
	rewrite(t, dir, "streams/states.yaml", "versions: keep\n", "")
	file(t, dir, "pipelines/bookings.yaml", strings.ReplaceAll(bookingsYAML, "_received", "id"))
	for _, args := range [][]string{{"check"}, {"ingest", "states", filepath.Join(dir, "1.jsonl")}, {"run"}} {
		got := must(t, 2, append(args, "--project", dir)...)
		if printed := got.out + got.err; !strings.Contains(printed, "stream states contains versions of events") || !strings.Contains(printed, "restore it, or declare a new stream") {
			t.Errorf("%v says %s", args, printed)
		}
	}
}

// TestVersionsAreNotAddedUp: what would count every version is refused, and the way out that is named is right.
func TestVersionsAreNotAddedUp(t *testing.T) {
	t.Parallel()
	dir := statesProject(t, statesYAML)
	const refusedFold = "{max: amount}"
	for fold, want := range map[string]string{
		"{sum: amount}": "pipelines/bookings.yaml:8: `sum` would take every version of an event, as stream states keeps versions (streams/states.yaml:4): " +
			"use first, last, min, max or list, such as `last` with `by: _received` and the event's id in the key",
		"{count: true}": "pipelines/bookings.yaml:8: `count` would take every version",
	} {
		rewrite(t, dir, "pipelines/bookings.yaml", refusedFold, fold)
		for _, command := range []string{"check", "run"} {
			if got := must(t, 2, command, "--project", dir); !strings.Contains(got.out+got.err, want) {
				t.Errorf("%s says %s%s", command, got.out, got.err)
			}
		}
		rewrite(t, dir, "pipelines/bookings.yaml", fold, refusedFold)
	}
	must(t, 0, "check", "--project", dir)
}

// TestVersionsRetractedByBatch retracts one version of an event and takes that back.
func TestVersionsRetractedByBatch(t *testing.T) {
	t.Parallel()
	dir := statesProject(t, statesYAML)
	must(t, 0, "ingest", "states", file(t, dir, "1.jsonl", statesOf("a pending 10.00")), "--project", dir)
	must(t, 0, "ingest", "states", file(t, dir, "2.jsonl", statesOf("a posted 1000.00")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	before := exported(t, dir, "bookings")
	which := must(t, 1, "retract", "states", "--event", "a", "--reason", "a slip", "--project", dir)
	for _, want := range []string{`event "a" of states has 2 versions, the newest last: batch 1 (`, "2.jsonl, row 1); name the batch, as in `bursar retract states 2 --event ID`"} {
		if !strings.Contains(which.err, want) {
			t.Errorf("%q is not in %s", want, which.err)
		}
	}
	must(t, 0, "retract", "states", "2", "--event", "a", "--reason", "a slip", "--project", dir)
	if got := exported(t, dir, "bookings"); !strings.Contains(got, `"status":"pending","first_status":"pending","amount":"10.00","most":"10.00"`) {
		t.Errorf("exported is %s", got)
	}
	must(t, 0, "verify", "--project", dir)
	must(t, 0, "retract", "states", "2", "--event", "a", "--undo", "--project", dir)
	if got := exported(t, dir, "bookings"); got != before {
		t.Errorf("after undo exported is\n%swant\n%s", got, before)
	}
	must(t, 0, "verify", "--project", dir)
}
