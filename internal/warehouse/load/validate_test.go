// Tests of validation: everything is read and checked, and nothing is changed.

package load_test

import (
	"strings"
	"testing"

	"bursar/internal/warehouse/load"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		validate := func(want string) (load.Result, error) {
			h.Helper()
			before := h.State()
			r, err := load.New(h.Config).Validate(h.Context(), h.Declared(), load.Options{})
			if got := counts(&r); got != want {
				h.Errorf("objects, rows, rejected, known are %s, want %s", got, want)
			}
			if after := h.State(); after != before {
				h.Errorf("the warehouse was\n%s\nand is\n%s", before, after)
			}
			return r, err
		}
		h.File("in/a.json", `{"id":"1"}`)
		h.File("in/b.json", `{"id":"2"}`, `{"id":{"a":1}}`)
		if _, err := validate("2 2 1 0"); err != nil {
			h.Error(err)
		}
		h.Want("SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'bursar_load%' OR table_name = 'events'", "0")
		h.Load("2 2 1 0")
		h.File("in/c.json", `{"id":"3"}`, `{"id":4}`)
		h.File("in/d.json", `[{"id":"5"}`)
		h.File("in/a.json", `{"id":"9"}`)
		r, err := validate("3 3 2 1")
		if err == nil || !strings.Contains(err.Error(), "load events: 2 of 5 rows are rejected") {
			h.Errorf("the error is %v", err)
		}
		if len(r.Rejects) != 2 || r.Rejects[0].Reason != `"{\"a\":1}" is an object, and the type is string` || len(r.LeftOut) != 1 || r.Changed.Count != 1 {
			h.Errorf("the result is %+v", r)
		}
		h.Change("max_errors: 1", "max_errors: 2")
		if _, err = validate("3 3 2 1"); err == nil || !strings.Contains(err.Error(), "object d.json: row") {
			h.Errorf("the error is %v", err)
		}
		h.Change("decimal(18,2)", "decimal(18,3)")
		if _, err = validate("0 0 0 0"); err == nil || !strings.Contains(err.Error(), "column amount is declared decimal(18,3)") {
			h.Errorf("the error is %v", err)
		}
	})
}
