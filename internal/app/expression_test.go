// Expressions that fail on an event: the error names the event, other pipelines continue, and a corrected pipeline is rebuilt.

package app

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/reconcile"
)

const countedYAML = `
stream: payments
format: jsonl
id: id
columns:
  id: {type: string}
  order: {type: string}
  n: {type: int}
  note: {type: string, optional: true}
`

func TestFailingExpressionNamesItsEvent(t *testing.T) {
	t.Parallel()
	const good = "pipeline: orders\nfrom: payments\nkey: order\nartifact: {%s}\n"
	for name, c := range map[string]struct{ fold, mended, where string }{
		"sum":   {`total: {sum: "n * 2"}`, `total: {sum: "n::BIGINT * 2"}`, "the event in "},
		"where": {`total: {count: true, where: "n * n > 25"}`, `total: {count: true, where: "n > 5"}`, "the event in "},
		"is":    {`top: {max: n}, total: {is: "top + 1"}`, `top: {max: n}, total: {is: "top::BIGINT + 1"}`, "an artifact"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{
				"bursar.yaml": "threads: 1\n", "streams/payments.yaml": countedYAML, "pipelines/orders.yaml": fmt.Sprintf(good, c.fold),
				"pipelines/other.yaml": "pipeline: other\nfrom: payments\nkey: order\nartifact: {total: {count: true}}\n",
			}
			a := openFiles(t, files)
			line := func(id int, order string, n int) string {
				return fmt.Sprintf(`{"id":"%d","order":%q,"n":%d,"note":"SECRET"}`+"\n", id, order, n)
			}
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "a.jsonl", line(1, "k1", 5)+line(2, "k2", 7)))
			var text strings.Builder
			for i := range 200 {
				n := i
				if i == 137 {
					n = 2147483647
				}
				text.WriteString(line(10+i, fmt.Sprint("o", i%50), n))
			}
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "b.jsonl", text.String()))
			_, err := a.Run(t.Context(), []string{"orders"}, nil)
			if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), c.where) || strings.Contains(err.Error(), "2147483647") ||
				c.where != "an artifact" && !strings.Contains(err.Error(), "b.jsonl:138") || strings.Contains(err.Error(), "o37") {
				t.Errorf("got %v (%v)", err, failure.Of(err))
			}
			state, err := a.Queries.Status(t.Context())
			if err != nil || len(state[0].Lanes) != 1 || state[0].Lanes[0].Trouble == nil || string(state[0].Lanes[0].Trouble.Key) != `"o37"` ||
				!strings.Contains(state[0].Lanes[0].Trouble.Message, "bursar rebuild orders") {
				t.Errorf("status %+v, %v", state, err)
			}
			if _, err := a.Run(t.Context(), []string{"other"}, nil); err != nil {
				t.Errorf("another pipeline: %v", err)
			}
			dir := a.state[:len(a.state)-len("/.bursar")]
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			putFile(t, dir, "pipelines/orders.yaml", fmt.Sprintf(good, c.mended))
			if a, err = Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
				t.Errorf("rebuild: %v", err)
			}
			if state, err := a.Queries.Status(t.Context()); err != nil || state[0].Artifacts != 52 || state[0].Backlog != 0 {
				t.Errorf("rebuilt: %+v, %v", state, err)
			}
		})
	}
}

// TestFailingSQLFileNamesItsEvent fails on a cast in the SQL file of a pipeline.
func TestFailingSQLFileNamesItsEvent(t *testing.T) {
	t.Parallel()
	a := openFiles(t, map[string]string{
		"bursar.yaml": "threads: 1\n", "streams/payments.yaml": countedYAML,
		"pipelines/orders.yaml": "pipeline: orders\nfrom: payments\nkey: order\nreduce: r.sql\nmerge: m.sql\npartitions: 2\nartifact: {total: {type: bigint}}\n",
		"pipelines/r.sql":       `SELECT "order", sum(CAST(regexp_extract(note, '^[0-9]+$') AS INTEGER))::BIGINT AS total FROM events GROUP BY ALL`,
		"pipelines/m.sql":       `SELECT "order", d.total + coalesce(s.total, 0) AS total FROM delta d LEFT JOIN state s USING ("order")`,
	})
	path := putFile(t, t.TempDir(), "a.jsonl", `{"id":"1","order":"k1","n":1,"note":"5"}`+"\n"+`{"id":"2","order":"k2","n":1,"note":"IBAN DE89 Jane Doe"}`+"\n")
	if _, err := a.Ingest(t.Context(), "payments", []string{path}, intake.Options{}); err != nil {
		t.Fatal(err)
	}
	_, err := a.Run(t.Context(), []string{"orders"}, nil)
	if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "a.jsonl:2") || strings.Contains(err.Error(), "IBAN") || strings.Contains(err.Error(), "k2") {
		t.Errorf("got %v (%v)", err, failure.Of(err))
	}
	if _, err := a.Queries.Get(t.Context(), "orders", "k1", 0, false); !errors.As(err, new(*reconcile.NotFoundError)) {
		t.Errorf("something is visible: %v", err)
	}
}
