// Tests of comparing a table with the journal.

package load_test

import (
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/warehouse/load"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	onAll(t, manifestYAML, func(h *harness) {
		if v := h.Verify(); !v.OK || v.Loaded || v.Objects+v.Rows+v.Found != 0 {
			h.Errorf("before the first load: %+v", v)
		}
		h.File("in/a.json", `{"id":"1"}`, `{"id":"2"}`)
		h.File("in/b.json", `{"id":"3"}`)
		h.File("in/empty.json")
		h.Load("3 3 0 0") // also verifies
		for _, c := range []struct {
			sql, want string
			found     int64
		}{
			{"DELETE FROM events WHERE id = '1'", "a.json: 1 rows in place of 2", 2},
			{"DELETE FROM events WHERE id = '3'", "b.json: 0 rows in place of 1", 2},
			{"INSERT INTO events SELECT * FROM events WHERE id = '3'", "b.json: 2 rows in place of 1", 4},
			{"UPDATE events SET _object = NULL WHERE id = '3'", "b.json: 0 rows in place of 1, no object: 1 rows in place of 0", 3},
		} {
			h.Exec(c.sql)
			if v := h.Verify(); v.OK || strings.Join(v.Differ.Names, ", ") != c.want || v.Found != c.found || v.Rows != 3 || v.Objects != 3 {
				h.Errorf("%s: %+v", c.sql, v)
			}
			h.LoadWith(load.Options{Reload: true}, "3 3 0 0")
		}
		h.Remove("in/b.json")
		h.File("in/c.json", `{"id":"3"}`)
		h.Load("0 0 0 3")
		if v := h.Verify(); !v.OK || !v.Loaded || v.Objects != 3 || v.Rows != 3 {
			h.Errorf("with a renamed object: %+v", v)
		}
		h.Exec("ALTER TABLE events RENAME COLUMN amount TO sum")
		if _, err := load.New(h.Config).Verify(h.Context(), h.Declared()); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "column amount") {
			h.Errorf("a column that somebody has renamed: %v", err)
		}
	})
}
