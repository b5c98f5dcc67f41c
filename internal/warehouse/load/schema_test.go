// Tests of changed declarations, and of tables that somebody has changed.

package load_test

import (
	"slices"
	"strings"
	"testing"

	"bursar/internal/warehouse/load"
)

// TestNewColumns adds declared columns to the table. They are null in older rows.
func TestNewColumns(t *testing.T) {
	t.Parallel()
	onAll(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1","n":1}`)
		h.Load("1 1 0 0")
		h.Change("rest: properties", "  n: {type: bigint, optional: true}\n  booked: {type: date, optional: true}\nrest: properties")
		if r := h.Load("0 0 0 1"); !slices.Equal(r.Added, []string{"n", "booked"}) || r.Number != 2 {
			h.Errorf("the result is %+v", r)
		}
		h.File("in/b.json", `{"id":"2","n":2,"booked":"2026-11-25"}`)
		if r := h.Load("1 1 0 1"); r.Added != nil {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id, n, booked FROM events ORDER BY id", "1|NULL|NULL", "2|2|2026-11-25")
		if r := h.LoadWith(load.Options{Reload: true}, "2 2 0 0"); r.Added != nil {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id, n, booked FROM events ORDER BY id", "1|1|NULL", "2|2|2026-11-25")
	})
}

// TestChangedDeclarations refuses what would change stored columns, with both definitions, unless everything is loaded again.
func TestChangedDeclarations(t *testing.T) {
	t.Parallel()
	onAll(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1","amount":"1.25"}`)
		h.Load("1 1 0 0")
		original := h.YAML
		for _, c := range []struct{ from, to, want string }{
			{"decimal(18,2)", "decimal(18,4)", "column amount is declared decimal(18,4) in warehouse/events.yaml:6, and was decimal(18,2) for load 1; a column keeps its type"},
			{"  amount: {type: \"decimal(18,2)\", optional: true}\n", "", "column amount of type decimal(18,2) is not declared any more; declare it in warehouse/events.yaml, with `optional: true`"},
			{"rest: properties\n", "", "column properties of type json is not declared any more"},
			{"from: in/", "from: in", "load 1 has filled it from in/; set `from` back in warehouse/events.yaml:2"},
			{"strategy: manifest", "strategy: bulk", "load 1 has filled it with strategy manifest; set `strategy` back in warehouse/events.yaml:9"},
			{"format: json", "table: other\nformat: json", "table other: load 1 of events has filled table events; set `table` back in warehouse/events.yaml:3"},
		} {
			h.YAML = original
			h.Change(c.from, c.to)
			h.Fails(c.want)
		}
		h.YAML = original
		h.Change("decimal(18,2)", "decimal(18,4)")
		h.Change("strategy: manifest", "strategy: bulk")
		h.LoadWith(load.Options{Reload: true}, "1 1 0 0")
		h.Want("SELECT amount FROM events", "1.2500")
		h.Load("0 0 0 1")
	})
}

// TestTableOfOthers refuses a table that the load has not made.
func TestTableOfOthers(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1"}`)
		h.Exec("CREATE TABLE events (id INTEGER)")
		h.Fails("load events: table events: it exists, and no load has made it; drop it, or name another `table` in warehouse/events.yaml:1")
		h.Exec("DROP TABLE events", "CREATE VIEW events AS SELECT 1 AS id")
		h.Fails("table events: it is a view")
		h.Exec("DROP VIEW events")
		h.Load("1 1 0 0")
		h.YAML = strings.Replace(h.YAML, "load: events", "load: other\ntable: events", 1)
		h.Fails("load other: table events: load events has made it; name another `table` in warehouse/other.yaml:2")
	})
}

// TestTableChangedByHand refuses a table that somebody has changed, and says what was changed.
func TestTableChangedByHand(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1","amount":"1.25"}`)
		h.Load("1 1 0 0")
		h.File("in/b.json", `{"id":"2"}`)
		h.Exec("ALTER TABLE events DROP COLUMN user_zip")
		h.Fails("column user_zip of type string does not exist any more: somebody has dropped or renamed it; undo that, or fill the table again with --reload")
		h.Exec("ALTER TABLE events ADD COLUMN user_zip INTEGER")
		h.Fails("column user_zip has type", "somebody has changed it; undo that")
		h.Exec("ALTER TABLE events DROP COLUMN user_zip")
		h.LoadWith(load.Options{Reload: true}, "2 2 0 0")

		h.Exec("ALTER TABLE events ADD COLUMN mine INTEGER")
		h.File("in/c.json", `{"id":"3"}`)
		h.Load("1 1 0 2")
		h.Want("SELECT id, mine FROM events ORDER BY id", "1|NULL", "2|NULL", "3|NULL")
		h.Change("rest: properties", "  mine: {type: int, optional: true}\nrest: properties")
		h.Fails("somebody has added a column mine of type")
		h.Change("  mine: {type: int, optional: true}\n", "")
		h.Exec("ALTER TABLE events RENAME TO renamed")
		h.Fails("table events: it does not exist, but load 3 has filled it: it was dropped or renamed; rename it back")
	})
}

// TestLongNames loads columns whose names PostgreSQL would cut to the same.
func TestLongNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("property_", 20)
	onEach(t, manifestYAML, func(h *harness) {
		h.Change("  user.zip: {type: string, optional: true}", "  "+long+"a: {type: int, optional: true}\n  "+long+"b: {type: int, optional: true}\n  select: {type: string, optional: true}")
		for range 2 {
			h.File("in/a"+h.now().String()+".json", `{"id":"1","`+long+`a":1,"`+long+`b":2,"select":"x"}`)
			if _, err := h.Run(load.Options{}); err != nil {
				h.Fatal(err)
			}
		}
		h.Want(`SELECT "`+h.DB.Name(long+"a")+`", "`+h.DB.Name(long+"b")+`", "select" FROM events`, "1|2|x", "1|2|x")
	})
}
