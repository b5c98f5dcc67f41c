//go:build linux

// bursar model, by itself and while `bursar up` runs.

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const ratesModel = `-- model: rates
-- parameters: {least: {type: "decimal(18,4)", default: "0.5"}}
-- tests:
--   - unique: currency
--   - {accepted: {currency: [USD, EUR]}, severity: warn}
--   - balanced: {sum: rate, equals: "SELECT 2.10"}
SELECT currency, rate FROM (VALUES ('USD', 1.00), ('EUR', 1.10), ('XXX', 0.10)) AS v(currency, rate)
WHERE rate >= :least;
`

const bestModel = "-- model: best\n-- materialize: view\nSELECT max(rate) AS rate FROM rates\n"

// modelShop is a project with two models.
func modelShop(t *testing.T) string {
	dir := shop(t)
	file(t, dir, "warehouse/rates.sql", ratesModel)
	file(t, dir, "warehouse/best.sql", bestModel)
	return dir
}

func TestModelCommands(t *testing.T) {
	t.Parallel()
	dir := modelShop(t)
	must(t, 0, "check", "--project", dir)
	models(t, dir)
}

// TestModelCommandsUp sends the commands to `bursar up`.
func TestModelCommandsUp(t *testing.T) {
	t.Parallel()
	dir := modelShop(t)
	u := bringUp(t, dir)
	models(t, dir)
	u.stop(os.Interrupt, 0)
}

func models(t *testing.T, dir string) {
	t.Helper()
	if got := must(t, 0, "model", "graph", "--project", dir).out; got != "best\n└── rates\n" {
		t.Errorf("graph:\n%s", got)
	}
	if got := must(t, 0, "model", "graph", "--format", "dot", "--project", dir).out; !strings.Contains(got, "  \"rates\" -> \"best\";\n") {
		t.Errorf("graph:\n%s", got)
	}
	if got := must(t, 1, "model", "test", "--project", dir).err; !strings.Contains(got, "was not run yet: run `bursar model run +rates`") {
		t.Errorf("test before the first run: %s", got)
	}
	out := value(t, must(t, 0, "model", "run", "--project", dir, "--json"))
	if m := item(t, out, "models", 0); m["model"] != "rates" || fmt.Sprint(m["rows"]) != "2" || out["ok"] != true {
		t.Errorf("run says %v", out)
	}
	failed := must(t, 4, "model", "run", "--project", dir, "--param", "least=0.01")
	for _, want := range []string{"warn: test accepted currency of model rates fails (warehouse/rates.sql:5):", "XXX", "error: test balanced rate of model rates fails", "2.20", "1 of 3 tests succeeded"} {
		if !strings.Contains(failed.out, want) {
			t.Errorf("%q is not shown:\n%s", want, failed.out)
		}
	}
	if want := "warehouse/rates.sql:6: test balanced rate of model rates fails: 1 difference; nothing was changed in the warehouse"; !strings.Contains(failed.err, want) {
		t.Errorf("the error is %s", failed.err)
	}
	must(t, 0, "model", "test", "rates", "--project", dir)
	list := item(t, value(t, must(t, 0, "model", "list", "--project", dir, "--json")), "models", 0)
	if list["model"] != "rates" || fmt.Sprint(list["rows"]) != "2" || fmt.Sprint(list["run"]) != "1" || list["changed"] != false {
		t.Errorf("list says %v", list)
	}
	if got := must(t, 0, "model", "list", "--project", dir).out; strings.Contains(got, "since the last run") {
		t.Errorf("list says\n%s", got)
	}
	must(t, 0, "model", "run", "+best", "--project", dir)
	must(t, 3, "model", "run", "bset", "--project", dir)
	must(t, 2, "model", "run", "--param", "x", "--project", dir)
	must(t, 2, "model", "run", "--param", "lest=1", "--project", dir)
	must(t, 2, "model", "run", "--param", "least=1e3", "--project", dir)
	must(t, 2, "model", "graph", "--format", "svg", "--project", dir)
}

// TestBadModel stops with file and line before anything is run.
func TestBadModel(t *testing.T) {
	t.Parallel()
	dir := modelShop(t)
	file(t, dir, "warehouse/rates.sql", strings.Replace(ratesModel, "WHERE rate", "WHERE rate IN (SELECT rate FROM best) AND\nrate", 1))
	got := must(t, 2, "check", "--project", dir)
	if !strings.Contains(got.out, "warehouse/rates.sql:8: models depend on each other: best → rates → best") {
		t.Errorf("check says %s", got.out)
	}
	must(t, 0, "run", "--project", dir) // which no model concerns
	must(t, 2, "model", "run", "--project", dir)
	file(t, dir, "warehouse/rates.sql", ratesModel)
	must(t, 0, "model", "run", "--project", dir)
	file(t, dir, "warehouse/rates.sql", strings.Replace(ratesModel, "rate FROM", "rte FROM", 1))
	if got := must(t, 0, "model", "list", "--project", dir).out; !strings.Contains(got, "since the last run") {
		t.Errorf("list says\n%s", got)
	}
	if got := must(t, 1, "model", "run", "--project", dir).err; !strings.Contains(got, "error: warehouse/rates.sql:7: Binder Error: Referenced column \"rte\" not found") {
		t.Errorf("run says %s", got)
	}
}
