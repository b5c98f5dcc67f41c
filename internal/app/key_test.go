// Optional keys and computed keys: in partitions, with SQL files, changed, too long, failing, and damaged.

package app

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/verify"
)

const sentYAML = `
stream: payments
format: jsonl
id: id
time: at
columns:
  id: {type: string}
  ref: {type: string, optional: true}
  note: {type: string, optional: true}
  n: {type: int}
  at: {type: timestamp}
totals:
  n: {sum: n}
  odd: {sum: n, where: "n % 2 = 1"}
`

// sent returns an event; an empty reference or note is null.
func sent(id int, ref, note string, n int) string {
	text := fmt.Sprintf(`{"id":"%d","n":%d,"at":"2024-03-%02dT23:30:00Z"`, id, n, 1+id%28)
	if ref != "" {
		text += fmt.Sprintf(`,"ref":%q`, ref)
	}
	if note != "" {
		text += fmt.Sprintf(`,"note":%q`, note)
	}
	return text + "}\n"
}

// openKeyed opens a project whose pipeline has the given key.
func openKeyed(t *testing.T, key, more string) *App {
	t.Helper()
	return openFiles(t, map[string]string{
		"bursar.yaml": "threads: 1\n", "streams/payments.yaml": sentYAML,
		"pipelines/refs.yaml": "pipeline: refs\nfrom: payments\nkey: " + key + "\n" + more + "artifact: {total: {sum: n}, lines: {list: [id], by: id}}\nconserve: {n: total}\n",
	})
}

// reopenWith closes a project and opens it again with another content of one file.
func reopenWith(t *testing.T, a *App, name, text string) *App {
	t.Helper()
	dir := strings.TrimSuffix(a.state, "/.bursar")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	putFile(t, dir, name, text)
	a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() }) // a test may have closed it
	return a
}

// unkeyed returns the ids and the count of the events without a key.
func unkeyed(t *testing.T, a *App, pipeline string) string {
	t.Helper()
	var ids []string
	all, err := a.Queries.Unkeyed(t.Context(), pipeline, func(e query.UnkeyedEvent) error {
		ids = append(ids, string(e.ID))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(strings.Join(ids, " "), " ", all["payments"].Events, " ", all["payments"].Totals)
}

func verified(t *testing.T, a *App, pipeline string) verify.Result {
	t.Helper()
	v, err := a.Verifier.Verify(t.Context(), pipeline, verify.Options{Sample: 1000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMissingKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ key, more, want string }{
		"optional column": {"ref", "", `{"key":"R1","artifact":{"total":7,"lines":[{"id":"1"},{"id":"6"}]}}` + "\n" + `{"key":"r1","artifact":{"total":2,"lines":[{"id":"2"}]}}`},
		"expression":      {`[{ref: "upper(ref)"}]`, "", `{"key":"R1","artifact":{"total":9,"lines":[{"id":"1"},{"id":"2"},{"id":"6"}]}}`},
		"partitions":      {`[{key: "upper(ref)"}]`, "partitions: 3\n", `{"key":"R1","artifact":{"total":9,"lines":[{"id":"1"},{"id":"2"},{"id":"6"}]}}`},
		"by stream":       {`{payments: [{ref: "coalesce(nullif(ref, 'r1'), nullif(ref, 'R1'))"}]}`, "", `{"key":"R1","artifact":{"total":7,"lines":[{"id":"1"},{"id":"6"}]}}` + "\n" + `{"key":"r1","artifact":{"total":2,"lines":[{"id":"2"}]}}`},
		"of two, one null": {`[{day: "CAST(at AT TIME ZONE 'Europe/Berlin' AS DATE)"}, ref]`, "", `{"key":["2024-03-03","R1"],"artifact":{"total":1,"lines":[{"id":"1"}]}}
{"key":["2024-03-04","r1"],"artifact":{"total":2,"lines":[{"id":"2"}]}}
{"key":["2024-03-08","R1"],"artifact":{"total":6,"lines":[{"id":"6"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := openKeyed(t, c.key, c.more)
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "a.jsonl", sent(3, "", "x", 3)+sent(4, "", "", 4))) // none has a key
			if runs := runAll(t, a, "refs"); runs != 1 || string(exportOf(t, a, "refs")) != "" {
				t.Errorf("%d runs, exported are %s", runs, string(exportOf(t, a, "refs")))
			}
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "b.jsonl", sent(1, "R1", "", 1)+sent(2, "r1", "", 2)+sent(5, "", "", 5)))
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "c.jsonl", sent(6, "R1", "", 6)))
			runAll(t, a, "refs")
			const want = `"3" "4" "5" 3 map[n:map[:12] odd:map[:8]]`
			for range 2 {
				if got := string(exportOf(t, a, "refs")); got != c.want+"\n" {
					t.Errorf("exported are\n%swant\n%s", got, c.want)
				}
				if got := unkeyed(t, a, "refs"); got != want {
					t.Errorf("without a key are %s, want %s", got, want)
				}
				if v := verified(t, a, "refs"); !v.OK || v.Checks[4].Name != "unkeyed events" {
					t.Errorf("verify: %+v", v)
				}
				state, err := a.Queries.Status(t.Context())
				if err != nil || state[0].Unkeyed != 3 || state[0].Backlog != 0 {
					t.Errorf("status: %+v, %v", state, err)
				}
				if _, err := rebuildHere(t.Context(), a, "refs"); err != nil {
					t.Fatal(err)
				}
			}
			key, _, _ := strings.Cut(strings.TrimPrefix(c.want, `{"key":`), `,"artifact"`)
			traced, err := a.Queries.Trace(t.Context(), "refs", key, func(query.TracedEvent) error { return nil })
			if err != nil || string(traced.Key) != key {
				t.Errorf("trace: %+v, %v", traced, err)
			}
		})
	}
}

// TestMissingKeysWithSQLFiles passes only events with a key to SQL files, and checks the keys of their result.
func TestMissingKeysWithSQLFiles(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"ref", `[{ref: "upper(ref)"}]`} {
		of := map[bool]string{true: "ref", false: "upper(ref)"}[key == "ref"]
		a := openFiles(t, map[string]string{
			"bursar.yaml": "threads: 1\n", "streams/payments.yaml": sentYAML,
			"pipelines/refs.yaml": "pipeline: refs\nfrom: payments\nkey: " + key + "\nreduce: r.sql\nmerge: m.sql\nartifact: {total: {type: bigint}}\nconserve: {n: total}\n",
			"pipelines/r.sql":     "SELECT " + of + " AS ref, sum(n)::BIGINT AS total FROM events GROUP BY 1",
			"pipelines/m.sql":     `SELECT ref, d.total + coalesce(s.total, 0) AS total FROM delta d LEFT JOIN state s USING (ref)`,
		})
		mustIngest(t, a, "payments", putFile(t, t.TempDir(), "a.jsonl", sent(1, "R1", "", 1)+sent(2, "", "", 2)))
		runAll(t, a, "refs")
		mustIngest(t, a, "payments", putFile(t, t.TempDir(), "b.jsonl", sent(3, "R1", "", 3)+sent(4, "", "", 4)))
		runAll(t, a, "refs")
		if got := string(exportOf(t, a, "refs")); got != `{"key":"R1","artifact":{"total":4}}`+"\n" {
			t.Errorf("exported are %s", got)
		}
		if got := unkeyed(t, a, "refs"); got != `"2" "4" 2 map[n:map[:6] odd:map[:0]]` {
			t.Errorf("without a key are %s", got)
		}
		if v := verified(t, a, "refs"); !v.OK {
			t.Errorf("verify: %+v", v)
		}
	}
}

// A changed expression waits for a rebuild. A key column that becomes optional does not: stored keys stay what they are.
func TestChangedKeys(t *testing.T) {
	t.Parallel()
	a := openKeyed(t, `[{ref: "upper(ref)"}]`, "")
	mustIngest(t, a, "payments", putFile(t, t.TempDir(), "a.jsonl", sent(1, "r", "", 1)+sent(2, "", "", 2)))
	runAll(t, a, "refs")
	yaml := func(key string) string {
		return "pipeline: refs\nfrom: payments\nkey: " + key + "\nartifact: {total: {sum: n}, lines: {list: [id], by: id}}\nconserve: {n: total}\n"
	}
	a = reopenWith(t, a, "pipelines/refs.yaml", yaml(`[{ref: "lower(ref)"}]`))
	var changed *runs.ChangedError
	if _, err := a.Steps.Next(t.Context(), "refs", 0, false); !errors.As(err, &changed) || strings.Join(changed.Changed, ",") != "key per stream" {
		t.Errorf("a changed expression: %v", err)
	}
	if _, err := rebuildHere(t.Context(), a, "refs"); err != nil {
		t.Fatal(err)
	}
	required := strings.Replace(sentYAML, "ref: {type: string, optional: true}", "ref: {type: string}", 1)
	b := openFiles(t, map[string]string{"bursar.yaml": "threads: 1\n", "streams/payments.yaml": required, "pipelines/refs.yaml": yaml("ref")})
	mustIngest(t, b, "payments", putFile(t, t.TempDir(), "a.jsonl", sent(1, "r", "", 1)))
	runAll(t, b, "refs")
	b = reopenWith(t, b, "streams/payments.yaml", sentYAML)
	mustIngest(t, b, "payments", putFile(t, t.TempDir(), "b.jsonl", sent(2, "r", "", 2)+sent(3, "", "", 3)))
	runAll(t, b, "refs")
	if got := string(exportOf(t, b, "refs")); !strings.Contains(got, `"total":3`) {
		t.Errorf("exported are %s", got)
	}
	if v := verified(t, b, "refs"); !v.OK {
		t.Errorf("verify: %+v", v)
	}
}

// A key beyond 4 KiB names its event and stops its pipeline only; one of a column is refused at intake.
func TestKeysThatAreTooLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 1500)
	for name, key := range map[string]string{"one": `[{k: "note || note"}]`, "partitions": `[{k: "note || note"}, n]`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			more := map[string]string{"one": "", "partitions": "partitions: 2\n"}[name]
			a := openKeyed(t, key, more)
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "a.jsonl", sent(1, "r", "short", 1)+sent(2, "r", "", 2)))
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "b.jsonl", sent(3, "r", "short", 1)+sent(4, "r", long, 2)+sent(5, "r", long, 2)))
			_, err := a.Run(t.Context(), []string{"refs"}, nil)
			if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "b.jsonl:2 is 6000 bytes long: the limit is 4 KiB") ||
				!strings.Contains(err.Error(), `key column "k"`) || !strings.Contains(err.Error(), "bursar rebuild refs") || strings.Contains(err.Error(), "ää") {
				t.Errorf("got %v", err)
			}
			mended := strings.Replace(key, "note || note", "left(note || note, 2000)", 1)
			a = reopenWith(t, a, "pipelines/refs.yaml", "pipeline: refs\nfrom: payments\nkey: "+mended+"\nartifact: {total: {sum: n}}\n")
			if _, err := rebuildHere(t.Context(), a, "refs"); err != nil {
				t.Errorf("rebuild: %v", err)
			}
		})
	}
	a := openKeyed(t, "note", "")
	got, err := a.Ingest(t.Context(), "payments", []string{putFile(t, t.TempDir(), "a.jsonl", sent(1, "", long+long, 1)+sent(2, "", "", 2))}, intake.Options{})
	if err != nil || got.Quarantined != 1 || got.Accepted != 1 {
		t.Errorf("a long value of an optional key column: %+v, %v", got, err)
	}
}

// An expression of a key that fails on an event names it.
func TestKeysThatFail(t *testing.T) {
	t.Parallel()
	a := openKeyed(t, `[{k: "n * 2"}]`, "partitions: 2\n")
	mustIngest(t, a, "payments", putFile(t, t.TempDir(), "a.jsonl", sent(1, "r", "", 1)))
	var text strings.Builder
	for i := range 3000 {
		n := i
		if i == 1234 || i == 2345 {
			n = 2147483647
		}
		text.WriteString(sent(10+i, "r", "", n))
	}
	mustIngest(t, a, "payments", putFile(t, t.TempDir(), "b.jsonl", text.String()))
	_, err := a.Run(t.Context(), []string{"refs"}, nil)
	if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "b.jsonl:1235") || strings.Contains(err.Error(), "2147483647") ||
		strings.Contains(err.Error(), "whose key") {
		t.Errorf("got %v", err)
	}
}

// TestMissingUnkeyedEvents compares the recorded count of events without a key with the events.
func TestMissingUnkeyedEvents(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(run *runs.Run, g *runs.Generation){
		"one more in a run": func(run *runs.Run, _ *runs.Generation) {
			of := run.Unkeyed["payments"]
			of.Events++
			run.Unkeyed["payments"] = of
		},
		"another sum":          func(run *runs.Run, _ *runs.Generation) { run.Unkeyed["payments"].Totals["n"][""] = "3" },
		"another loose sum":    func(run *runs.Run, _ *runs.Generation) { run.Unkeyed["payments"].Totals["odd"][""] = "3" },
		"none in a run":        func(run *runs.Run, _ *runs.Generation) { run.Unkeyed = nil },
		"one more of them all": func(_ *runs.Run, g *runs.Generation) { g.Unkeyed["payments"]++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := openKeyed(t, "ref", "")
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "a.jsonl", sent(1, "r", "", 1)+sent(2, "", "", 2)))
			runAll(t, a, "refs")
			g, err := a.Queries.Current(t.Context(), "refs")
			if err != nil {
				t.Fatal(err)
			}
			run, err := runs.Find(t.Context(), a.Engine.Catalog, runs.Ref{Pipeline: "refs", Generation: 1, Run: 1})
			if err != nil {
				t.Fatal(err)
			}
			change(&run, &g)
			err = a.Engine.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
				return errors.Join(tx.Put("run/refs/g0001/00000001", run), tx.Put("generation/refs/g0001", g))
			})
			if err != nil {
				t.Fatal(err)
			}
			v := verified(t, a, "refs")
			if c := v.Checks[4]; v.OK || c.Name != "unkeyed events" || c.OK || !c.Totals {
				t.Errorf("verify: %+v", v.Checks)
			}
		})
	}
}
