// Tests of loads of new objects.

package load_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
	"bursar/internal/warehouse/load"
)

const manifestYAML = `load: events
from: in/
format: json
columns:
  id: {type: string}
  amount: {type: "decimal(18,2)", optional: true}
  user.zip: {type: string, optional: true}
rest: properties
strategy: manifest
max_errors: 1
`

func TestManifest(t *testing.T) {
	t.Parallel()
	onAll(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1","amount":1.50,"user":{"zip":"10","name":"n"},"x":[1, 2.50]}`, `{"id":"2"}`)
		h.File("in/b/b.json", `[{"id":"3","amount":"-7"},`, ` {"id":"4"}]`)
		h.File("in/b/c.json.gz", `{"id":"5","user":{"zip":"11"}}`)
		h.File("in/_SUCCESS", "")
		h.File("in/.hidden/x.json", `{"id":"6"}`)
		r := h.Load("3 5 0 0")
		if r.Number != 1 || r.Table != "events" || r.Bytes == 0 {
			h.Errorf("the result is %+v", r)
		}
		h.Want(`SELECT id, amount, user_zip, _object, _line, _load FROM events ORDER BY id`,
			"1|1.50|10|a.json|1|1", "2|NULL|NULL|a.json|2|1", "3|-7.00|NULL|b/b.json|1|1", "4|NULL|NULL|b/b.json|2|1", "5|NULL|11|b/c.json.gz|1|1")
		if got := h.Rows("SELECT CAST(properties AS VARCHAR(100)) FROM events WHERE id = '1'")[0]; strings.ReplaceAll(got, " ", "") != `{"user":{"name":"n"},"x":[1,2.50]}` &&
			strings.ReplaceAll(got, " ", "") != `{"x":[1,2.50],"user":{"name":"n"}}` {
			h.Errorf("the properties are %s", got)
		}
		h.Want("SELECT load_number, load, strategy, table_name, source, scope, objects, row_count, rejected FROM bursar_loads", "1|events|manifest|events|in/|new objects|3|5|0")

		state := h.State()
		if r := h.Load("0 0 0 3"); r.Number != 0 {
			h.Errorf("the second load is %+v", r)
		}
		if again := h.State(); again != state {
			h.Errorf("nothing is new, and the state was\n%s\nand is\n%s", state, again)
		}
		h.File("in/b/d.json", `{"id":"7"}`, `{"id":8}`)
		h.Load("1 1 1 3")
		h.Want("SELECT id, _load FROM events WHERE _load > 1", "7|2")
		h.Want("SELECT load, load_number, object, line, column_name, reason, content FROM bursar_load_rejected",
			`events|2|b/d.json|2|id|"8" is a number, and the type is string|{"id":8}`)
	})
}

// TestChangedObjects reports objects that are not as they were loaded, and never loads them again by itself.
func TestChangedObjects(t *testing.T) {
	t.Parallel()
	onAll(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1"}`)
		h.File("in/b.json", `{"id":"2"}`)
		h.File("in/c.json", `{"id":"3"}`)
		h.File("in/d.json", `{"id":"4"}`)
		h.Load("4 4 0 0")
		h.File("in/a.json", `{"id":"10"}`)
		h.File("in/b.json", `{"id":"8"}`) // of the same size
		h.File("in/c.json", `{"id":"3"}`) // the same content
		h.Remove("in/d.json")
		before := h.Rows("SELECT id, _object, _load FROM events ORDER BY id")
		for range 2 {
			r := h.Load("0 0 0 1")
			if r.Changed.Count != 2 || strings.Join(r.Changed.Names, " ") != "a.json b.json" || strings.Join(r.Vanished.Names, " ") != "d.json" {
				h.Errorf("the result is %+v", r)
			}
		}
		h.Want("SELECT id, _object, _load FROM events ORDER BY id", before...)
		h.Want("SELECT count(*) FROM bursar_load_objects o JOIN bursar_load_objects p ON o.object = 'c.json' AND p.object = 'd.json' AND o.modified > p.modified", "1")
		h.Want("SELECT count(*) FROM bursar_load_staged", "0")

		h.LoadWith(load.Options{Reload: true}, "3 3 0 0")
		h.Want("SELECT id, _object, _load FROM events ORDER BY id", "10|a.json|2", "3|c.json|2", "8|b.json|2")
		h.Load("0 0 0 3")
	})
}

// rewrite gives an object other content of the same size, and its modification time.
func (h *harness) rewrite(name, from, to string) {
	h.Helper()
	path := filepath.Join(h.Dir, name)
	info, err := os.Stat(path)
	if err != nil {
		h.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600)
	}
	if err == nil {
		err = os.Chtimes(path, info.ModTime(), info.ModTime())
	}
	if err != nil {
		h.Fatal(err)
	}
}

const changedSQL = "SELECT object, changed FROM bursar_load_objects ORDER BY object"

// TestRewrittenObjects notices an object of the same size and modification time, and one of which only the properties have changed.
func TestRewrittenObjects(t *testing.T) {
	t.Parallel()
	series := strings.Replace(strings.Replace(seriesYAML, "jsonl", "json", 1), "int", "string", 1)
	for name, yaml := range map[string]string{"manifest": manifestYAML, "bulk": strings.Replace(manifestYAML, "manifest", "bulk", 1), "timeseries": series} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, yaml, func(h *harness) {
				h.File("in/2026-11-01.json", `{"id":"1"}`)
				h.File("in/2026-11-02.json", `{"id":"2"}`)
				h.Load("2 2 0 0")
				before := h.Rows(changedSQL)
				for _, file := range []string{"01", "02"} {
					if err := os.Chmod(filepath.Join(h.Dir, "in/2026-11-"+file+".json"), 0o644); err != nil {
						h.Fatal(err)
					}
				}
				if name != "bulk" { // which loads everything again
					if r := h.Load("0 0 0 2"); r.Changed.Count != 0 || slices.Equal(h.Rows(changedSQL), before) {
						h.Errorf("only the properties have changed: %+v", r)
					}
					before = h.Rows(changedSQL)
					h.Load("0 0 0 2")
					h.Want(changedSQL, before...)
				}
				h.rewrite("in/2026-11-01.json", "1", "5")
				h.rewrite("in/2026-11-02.json", "2", "6")
				r := h.Load(map[string]string{"manifest": "0 0 0 0", "bulk": "2 2 0 0", "timeseries": "1 1 0 0"}[name])
				if changed := map[string]int64{"manifest": 2, "timeseries": 1}[name]; r.Changed.Count != changed {
					h.Errorf("the result is %+v", r)
				}
				h.Want("SELECT id FROM events ORDER BY id", map[string][]string{"manifest": {"1", "2"}, "bulk": {"5", "6"}, "timeseries": {"1", "6"}}[name]...)
			})
		})
	}
}

// TestJournalWithoutChangeTimes continues a journal of an earlier version: what it knows is as it was loaded.
func TestJournalWithoutChangeTimes(t *testing.T) {
	t.Parallel()
	onEach(t, seriesYAML, func(h *harness) {
		h.File("in/2026-11-01.jsonl", `{"id":1}`)
		h.File("in/2026-11-02.jsonl", `{"id":2}`)
		h.Load("2 2 0 0")
		h.Exec("ALTER TABLE bursar_load_objects DROP COLUMN changed", "ALTER TABLE bursar_load_staged DROP COLUMN changed")
		if r := h.Load("0 0 0 2"); r.Changed.Count != 0 {
			h.Errorf("the result is %+v", r)
		}
		h.File("in/2026-11-03.jsonl", `{"id":3}`)
		h.Load("1 1 0 2")
		h.Load("0 0 0 3")
		h.Want("SELECT object, coalesce(changed, 0) > 0 FROM bursar_load_objects ORDER BY 1", "2026-11-01.jsonl|false", "2026-11-02.jsonl|false", "2026-11-03.jsonl|true")
		h.rewrite("in/2026-11-03.jsonl", "3", "4")
		h.Load("1 1 0 2")
	})
}

// TestRenamedObjects does not load objects again that were renamed, but those with the content of one that still exists.
func TestRenamedObjects(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1"}`)
		h.File("in/b.json", `{"id":"2"}`)
		h.Load("2 2 0 0")
		h.Remove("in/a.json")
		h.File("in/c.json", `{"id":"1"}`)
		h.File("in/d.json", `{"id":"2"}`)
		h.File("in/e.json", `{"id":"3"}`)
		if r := h.Load("2 2 0 2"); fmt.Sprint(r.Renamed) != "{1 [c.json, which was a.json]}" || r.Vanished.Count != 1 {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id, _object FROM events ORDER BY id, _object", "1|a.json", "2|b.json", "2|d.json", "3|e.json")
		h.Want("SELECT object, row_count FROM bursar_load_objects ORDER BY object", "a.json|1", "b.json|1", "c.json|0", "d.json|1", "e.json|1")
		if r := h.Load("0 0 0 4"); r.Renamed.Count != 0 || r.Number != 0 {
			h.Errorf("the result is %+v", r)
		}
		h.LoadWith(load.Options{Reload: true}, "4 4 0 0")
		h.Want("SELECT id, _object FROM events ORDER BY id, _object", "1|c.json", "2|b.json", "2|d.json", "3|e.json")
	})
}

// TestRotatedObjects does not load what a changed object contained again, if that has a new name now: names of logs are rotated.
func TestRotatedObjects(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		h.File("in/log.1.json", `{"id":"1"}`)
		h.File("in/log.json", `{"id":"2"}`, `{"id":"3"}`)
		h.Load("2 3 0 0")
		h.File("in/log.2.json", `{"id":"1"}`)
		h.File("in/log.1.json", `{"id":"2"}`, `{"id":"3"}`)
		h.File("in/log.json", `{"id":"4"}`)
		for i, renamed := range []string{"{1 [log.2.json, which was log.1.json]}", "{0 []}"} {
			r := h.Load("0 0 0 1")
			if fmt.Sprint(r.Renamed) != renamed || fmt.Sprint(r.Changed) != "{2 [log.1.json log.json]}" {
				h.Errorf("load %d: the result is %+v", i, r)
			}
		}
		h.Want("SELECT id, _object FROM events ORDER BY id", "1|log.1.json", "2|log.json", "3|log.json")

		h.File("in/other.json", `{"id":"1"}`) // the content of log.2.json, which exists
		h.Load("1 1 0 1")
		h.LoadWith(load.Options{Reload: true}, "4 5 0 0")
	})
}

// TestRepeatedContent loads new objects with the content of one that was deleted: only one of them can be that one under another name.
func TestRepeatedContent(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		h.File("in/1.json", `{"id":"up"}`)
		h.Load("1 1 0 0")
		h.Remove("in/1.json")
		h.File("in/2.json", `{"id":"up"}`)
		h.File("in/3.json", `{"id":"up"}`)
		if r := h.Load("1 1 0 1"); fmt.Sprint(r.Renamed) != "{1 [2.json, which was 1.json]}" {
			h.Errorf("the result is %+v", r)
		}
		h.File("in/4.json", `{"id":"up"}`)
		h.Load("1 1 0 2")
		h.Remove("in/2.json")
		h.File("in/5.json", `{"id":"up"}`)
		if r := h.Load("0 0 0 3"); fmt.Sprint(r.Renamed) != "{1 [5.json, which was 2.json]}" {
			h.Errorf("the result is %+v", r)
		}
		h.File("in/6.json", `{"id":"up"}`)
		h.Load("1 1 0 3")
		h.Want("SELECT _object FROM events ORDER BY 1", "1.json", "3.json", "4.json", "6.json")
	})
}

func TestTooManyErrors(t *testing.T) {
	t.Parallel()
	onAll(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1"}`, `{"id":2}`)
		h.Load("1 1 1 0")
		h.File("in/b.json", `{"id":"3"}`, `{"id":4}`, `{}`, `{"id":"5"`)
		h.Fails("load events: 2 rows or more are rejected, and max_errors in warehouse/events.yaml:10 allows fewer; nothing was loaded",
			`object b.json: line 2: column id: "4" is a number, and the type is string`, "object b.json: line 3: column id: a value is required")
		h.Change("max_errors: 1", "max_errors: 50%")
		h.Fails("3 of 4 rows are rejected, and max_errors")
		h.Change("max_errors: 50%", "max_errors: 75%")
		h.Load("1 1 3 1")
		h.Want("SELECT object, line, column_name FROM bursar_load_rejected ORDER BY 1, 2", "a.json|2|id", "b.json|2|id", "b.json|3|id", "b.json|4|")
	})
}

// TestColumnReadOtherwise refuses a column whose values would mean different things in one table.
func TestColumnReadOtherwise(t *testing.T) {
	t.Parallel()
	const yaml = `load: events
from: in/
format: jsonl
columns:
  id: {type: string}
  amount: {type: "decimal(18,2)", from: gross}
  moment: {type: timestamp, format: "%d.%m.%Y %H:%M", zone: Europe/Prague}
strategy: manifest
`
	for name, change := range map[string][2]string{
		"column amount is read from net in": {"from: gross", "from: net"},
		", zone America/New_York in":        {"zone: Europe/Prague", "zone: America/New_York"},
		`, format "%m.%d.%Y %H:%M"`:         {"%d.%m.", "%m.%d."},
		`, decimal "," in`:                  {"from: gross}", `from: gross, decimal: ","}`},
		`, decimal ".", group "'" in`:       {"from: gross}", `from: gross, group: "'"}`},
	} {
		t.Run(change[1], func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, openDuck(t, t.TempDir()), yaml)
			h.File("in/a.jsonl", `{"id":"1","gross":"10.00","net":"8.00","moment":"02.01.2026 00:30"}`)
			h.Load("1 1 0 0")
			h.Change(change[0], change[1])
			h.File("in/b.jsonl", `{"id":"2","gross":"1.00","net":"2.00","moment":"02.01.2026 00:30"}`)
			h.FailsAs(failure.Data, name, "for load 1", "--reload")
			if change[1] == "from: net" {
				h.LoadWith(load.Options{Reload: true}, "2 2 0 0")
				h.Want("SELECT id, amount FROM events ORDER BY id", "1|8.00", "2|2.00")
			}
		})
	}
}

// TestColumnReadAlike accepts a declaration that says the same in other words.
func TestColumnReadAlike(t *testing.T) {
	t.Parallel()
	h := newHarness(t, openDuck(t, t.TempDir()), manifestYAML)
	h.Change("columns:\n", "columns:\n  gross: {type: \"decimal(18,2)\"}\n  moment: {type: timestamp}\n")
	h.File("in/a.json", `{"id":"1","gross":"10.00","moment":"2026-01-02T00:30:00"}`)
	h.Load("1 1 0 0")
	h.Change("moment: {type: timestamp}", "moment: {type: timestamp, from: moment, zone: UTC}")
	h.Change(`gross: {type: "decimal(18,2)"}`, `gross: {type: "decimal(18,2)", decimal: "."}`)
	h.File("in/b.json", `{"id":"2","gross":"1.00","moment":"2026-01-02T00:30:00"}`)
	h.Load("1 1 0 1")
}

// TestFieldsOtherwise refuses columns of CSV without a header that are declared in another order: they are read by position.
func TestFieldsOtherwise(t *testing.T) {
	t.Parallel()
	const yaml = `load: events
from: in/
format: csv
csv: {header: false}
columns:
  id: {type: string}
  net: {type: int}
  gross: {type: int}
strategy: manifest
`
	for name, change := range map[string][2]string{
		"column gross is read from field 2 in": {"  net: {type: int}\n  gross: {type: int}", "  gross: {type: int}\n  net: {type: int}"},
		"column net is read from field 3 in":   {"  net:", "  more: {type: int, optional: true}\n  net:"},
		"column id is read from id in":         {"header: false", "header: true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, openDuck(t, t.TempDir()), yaml)
			h.File("in/a.csv", "1,80,100")
			h.Load("1 1 0 0")
			h.Change("strategy:", "max_errors: 0\nstrategy:")
			h.File("in/b.csv", "2,80,100")
			h.Load("1 1 0 1")
			h.Change(change[0], change[1])
			h.File("in/c.csv", "3,80,100")
			h.FailsAs(failure.Data, name, "for load 2", "--reload")
			h.Change(change[1], change[0])
			h.Load("1 1 0 2")
			h.Want("SELECT sum(net), sum(gross) FROM events", "240|300")
		})
	}
}

// TestReloadNamesWhatIsRemoved fills a table again while objects of it do not exist any more.
func TestReloadNamesWhatIsRemoved(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"manifest", "bulk"} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, openDuck(t, t.TempDir()), strings.Replace(manifestYAML, "strategy: manifest", "strategy: "+strategy, 1))
			h.File("in/a.json", `{"id":"1"}`)
			h.File("in/b.json", `{"id":"2"}`)
			h.Load("2 2 0 0")
			h.Remove("in/b.json")
			h.File("in/c.json", "{}", "{}")
			if r, err := h.Run(load.Options{Reload: true}); err == nil || r.Removed.Count > 0 || strings.Join(r.Vanished.Names, " ") != "b.json" {
				t.Errorf("a load that fails removes no rows: %+v, %v", r, err)
			}
			h.Remove("in/c.json")
			if r := h.LoadWith(load.Options{Reload: true}, "1 1 0 0"); strings.Join(r.Removed.Names, " ") != "b.json" || r.Vanished.Count > 0 {
				t.Errorf("the result is %+v", r)
			}
		})
	}
}

// TestFilesThatAreNoObjects refuses what cannot be loaded, until a pattern leaves it out.
func TestFilesThatAreNoObjects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(path string) error
		want string
	}{
		"bad\xff.json": {func(path string) error { return os.WriteFile(path, []byte("{}"), 0o600) }, "has a name that is not UTF-8"},
		"link":         {func(path string) error { return os.Symlink(filepath.Dir(path), path) }, "is a link to a folder"},
		"pipe":         {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "is not a regular file"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, openDuck(t, t.TempDir()), manifestYAML)
			h.File("in/a1.json", `{"id":"1"}`)
			if err := c.make(filepath.Join(h.Dir, "in", name)); err != nil {
				t.Fatal(err)
			}
			h.FailsAs(failure.Data, c.want, "`match`")
			h.Change("format: json\n", "format: json\nmatch: \"a*\"\n")
			h.Load("1 1 0 0")
		})
	}
}

func TestEmptyPrefix(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		h.File("in/.x", "")
		h.Fails("load events: in/ contains no objects; check `from` in warehouse/events.yaml:2")
		h.File("in/a.txt", `{"id":"1"}`)
		h.Change("format: json", "match: \"*.json\"\nformat: json")
		h.Fails("in/ contains no objects that match *.json; check")
		h.Change("from: in/", "from: elsewhere/")
		h.Fails("load events: elsewhere/ contains no objects")
	})
}

// TestDamagedObjects loads nothing of an object that cannot be read to its end.
func TestDamagedObjects(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1"}`)
		h.File("in/b.json", `[{"id":"2"},{"id":"3"}`)
		h.File("in/c.json", `{"id":"4"}`)
		h.Change("max_errors: 1", "max_errors: 0")
		h.Fails("load events: object b.json: row 2: the file ends too early: a part of it is missing")
		h.Change("max_errors: 0", "max_errors: 1")
		r := h.Load("2 2 0 0")
		if len(r.LeftOut) != 1 || r.LeftOut[0].Object != "b.json" || !strings.Contains(r.LeftOut[0].Reason, "ends too early") {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id FROM events ORDER BY id", "1", "4")
		state := h.State()
		if r := h.Load("0 0 0 2"); len(r.LeftOut) != 1 || r.Number != 0 {
			h.Errorf("the result is %+v", r)
		}
		if again := h.State(); again != state {
			h.Errorf("nothing could be loaded, and the state was\n%s\nand is\n%s", state, again)
		}
		h.Change("max_errors: 1", "max_errors: 2")
		h.Config.GroupObjects = 1 // staged
		h.File("in/d.json", `[{"id":"5"}`)
		if r := h.Load("0 0 0 2"); len(r.LeftOut) != 2 || r.Number != 0 {
			h.Errorf("the result is %+v", r)
		}
		if again := h.State(); again != state {
			h.Errorf("nothing could be staged, and the state was\n%s\nand is\n%s", state, again)
		}
		h.File("in/b.json", `[{"id":"2"},{"id":"3"}]`)
		h.Load("1 2 0 2")
		h.Want("SELECT id FROM events ORDER BY id", "1", "2", "3", "4")
	})
}

// TestUnfinishedObjects leaves out a compressed object into which nothing was written yet, and loads it later.
func TestUnfinishedObjects(t *testing.T) {
	t.Parallel()
	onEach(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1"}`)
		empty := filepath.Join(h.Dir, "in", "b.json.gz")
		if err := os.WriteFile(empty, nil, 0o600); err != nil {
			h.Fatal(err)
		}
		r := h.Load("1 1 0 0")
		if len(r.LeftOut) != 1 || r.LeftOut[0].Object != "b.json.gz" || !strings.Contains(r.LeftOut[0].Reason, "it is empty") {
			h.Errorf("the result is %+v", r)
		}
		h.File("in/b.json.gz", `{"id":"2"}`)
		h.Load("1 1 0 1")
		h.Want("SELECT id FROM events ORDER BY id", "1", "2")
	})
}

// TestRowsThatDatabasesRefuse rejects rows with values that PostgreSQL and Redshift cannot store, and DuckDB can.
func TestRowsThatDatabasesRefuse(t *testing.T) {
	t.Parallel()
	onAll(t, manifestYAML, func(h *harness) {
		h.Change("max_errors: 1", "max_errors: 2")
		h.File("in/a.json", `{"id":"1"}`, `{"id":"2","x":1e99999}`, `{"id":"3"}`, `{"id":"4","x":[-1E-99999]}`)
		h.File("in/b.json", `{"id":"5"}`)
		r, err := h.Run(load.Options{})
		if err != nil {
			h.Fatal(err)
		}
		switch counts(&r) {
		case "2 5 0 0":
		case "2 3 2 0":
			h.Want("SELECT id FROM events ORDER BY id", "1", "3", "5")
			h.Want("SELECT object, line, column_name, content FROM bursar_load_rejected ORDER BY line", `a.json|2|properties|{"id":"2","x":1e99999}`, `a.json|4|properties|{"id":"4","x":[-1E-99999]}`)
		default:
			h.Errorf("objects, rows, rejected, known are %s", counts(&r))
		}
		if _, isDuck := h.DB.(*duckwarehouse.Database); isDuck == (r.Rejected > 0) {
			h.Errorf("%d rows are rejected", r.Rejected)
		}
		h.Change("max_errors: 2", "max_errors: 0")
		h.File("in/c.json", `{"id":"2","x":1e99999}`)
		if r.Rejected > 0 {
			h.Fails("1 rows or more are rejected", "object c.json: line 1: column properties: a number in it has too many digits for")
		}
	})
}

// TestPositions reports how far the table is, and which load has replaced rows.
func TestPositions(t *testing.T) {
	t.Parallel()
	onAll(t, manifestYAML, func(h *harness) {
		want := func(position string) {
			h.Helper()
			err := h.DB.Read(h.Context(), func(ctx context.Context, r warehouse.Reader) error {
				all, err := load.Positions(ctx, r)
				if got := fmt.Sprint(all); got != position {
					h.Errorf("positions %s, want %s", got, position)
				}
				return err
			})
			if err != nil {
				h.Fatal(err)
			}
		}
		want("map[]")
		h.File("in/a.json", `{"id":"1"}`)
		h.Load("1 1 0 0")
		want("map[events:{0 1}]")
		h.File("in/b.json", `{"id":"2"}`)
		h.Load("1 1 0 1")
		want("map[events:{0 2}]")
		h.LoadWith(load.Options{Reload: true}, "2 2 0 0")
		want("map[events:{3 3}]")
		h.File("in/c.json", `{"id":"3"}`)
		h.Load("1 1 0 2")
		want("map[events:{3 4}]")
	})
}

// TestLoadOfAnotherProject refuses a journal that another project has written.
func TestLoadOfAnotherProject(t *testing.T) {
	t.Parallel()
	onAll(t, manifestYAML, func(h *harness) {
		h.File("in/a.json", `{"id":"1"}`)
		h.Load("1 1 0 0")
		h.Config.ProjectID = "other"
		h.Fails("the loads in this schema are of another project")
	})
}
