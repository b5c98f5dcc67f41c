// Streams whose declaration was changed incompatibly: nothing is computed with it, and published artifacts stay readable.

package app

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/verify"
)

const datedYAML = `
stream: payments
format: jsonl
id: id
columns:
  id: {type: string}
  order: {type: string}
  amount: {type: int}
  at: {type: timestamp, format: "%Y-%m-%d %H:%M", zone: Europe/Berlin, from: when}
`

// redeclare closes a project and opens it again with another stream definition.
func redeclare(t *testing.T, a *App, yaml string) *App {
	t.Helper()
	dir := filepath.Dir(a.state)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	putFile(t, dir, "streams/payments.yaml", yaml)
	again, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
	return again
}

func TestChangedStreamIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		answers  bool // published artifacts can be read
	}{
		{"id: id\n", "id: [id, order]\n", false},
		{"id: id\n", "id: _content\n", false},
		{"id: id\n", "id: _row\n", false},
		{"Europe/Berlin", "Europe/London", true},
		{"from: when", "from: then", true},
		{"%Y-%m-%d", "%Y-%d-%m", true},
	} {
		t.Run(c.to, func(t *testing.T) {
			t.Parallel()
			a := openFiles(t, map[string]string{
				"bursar.yaml": "threads: 1\n", "streams/payments.yaml": datedYAML,
				"pipelines/orders.yaml": "pipeline: orders\nfrom: payments\nkey: order\nartifact: {total: {sum: amount}}\n",
			})
			line := func(id string) string {
				return `{"id":"` + id + `","order":"k","amount":5,"when":"2026-03-02 10:00"}` + "\n"
			}
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "a.jsonl", line("1")))
			runAll(t, a, "orders")
			mustIngest(t, a, "payments", putFile(t, t.TempDir(), "b.jsonl", line("2")))
			planned, err := a.Steps.Next(t.Context(), "orders", 0, false)
			if err != nil {
				t.Fatal(err)
			}
			a = redeclare(t, a, strings.Replace(datedYAML, c.from, c.to, 1))
			checkRefused(t, a, planned.Ref)
			got, err := a.Queries.Get(t.Context(), "orders", "k", 0, false)
			if c.answers && (err != nil || string(got.Artifact) != `{"total":5}`) || !c.answers && !isGrowth(err) {
				t.Errorf("reading gives %s, %v", got.Artifact, err)
			}
			a = redeclare(t, a, datedYAML)
			runAll(t, a, "orders")
			checkProof(t, a, "orders")
			if rebuilt, err := rebuildHere(t.Context(), a, "orders"); err != nil || rebuilt.DigestBefore != rebuilt.DigestAfter || rebuilt.Generation != 2 {
				t.Errorf("put back: %+v, %v", rebuilt, err)
			}
		})
	}
}

func isGrowth(err error) bool {
	return errors.As(err, new(*event.GrowthError)) && failure.Of(err) == failure.Data && strings.Contains(err.Error(), "declare a new stream") &&
		strings.Contains(err.Error(), "stream payments")
}

func checkRefused(t *testing.T, a *App, planned runs.Ref) {
	t.Helper()
	_, next := a.Steps.Next(t.Context(), "orders", 0, false)
	_, step := a.Steps.Step(t.Context(), planned, "reduce")
	_, rebuilt := rebuildHere(t.Context(), a, "orders")
	_, verified := a.Verifier.Verify(t.Context(), "orders", verify.Options{})
	for what, err := range map[string]error{"next": next, "step": step, "rebuild": rebuilt, "verify": verified} {
		if !isGrowth(err) || failure.ExitCode(err) != 2 {
			t.Errorf("%s ends with %v", what, err)
		}
	}
	_, err := a.VerifyProject(t.Context(), verify.Options{}, func(string, int64, int64) {})
	if err == nil || failure.ExitCode(err) != 2 || !strings.Contains(err.Error(), "declare a new stream") {
		t.Errorf("verify of the project ends with %v", err)
	}
	if _, err := a.Run(t.Context(), []string{"orders"}, nil); err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "declare a new stream") {
		t.Errorf("run ends with %v", err)
	}
}
