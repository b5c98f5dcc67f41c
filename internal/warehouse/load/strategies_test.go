// Tests of loads that replace rows: all of them, or those of a period on.

package load_test

import (
	"slices"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse/load"
)

const bulkYAML = `load: events
from: in/
format: csv
columns:
  id: {type: string}
  amount: {type: "decimal(18,2)", optional: true}
rest: properties
strategy: bulk
max_errors: 1
`

// TestBulk replaces the table by the rows of all objects: views keep working, and a failed load leaves it as it is.
func TestBulk(t *testing.T) {
	t.Parallel()
	onAll(t, bulkYAML, func(h *harness) {
		h.File("in/a.csv", "id,amount,note", "1,1.50,x", "2,,")
		h.File("in/b.csv", "amount,id", "7,3", "x,4")
		h.Load("2 3 1 0")
		h.Exec("CREATE VIEW total AS SELECT CAST(sum(amount) AS DECIMAL(38,2)) AS total FROM events")
		h.Want("SELECT id, amount, _object, _line FROM events ORDER BY id", "1|1.50|a.csv|2", "2|NULL|a.csv|3", "3|7.00|b.csv|2")
		h.Load("0 0 0 2")

		h.Remove("in/a.csv")
		h.File("in/c.csv", "id,amount", "5,2.25")
		h.Load("2 2 1 0")
		h.Want("SELECT id, amount, _load FROM events ORDER BY id", "3|7.00|2", "5|2.25|2")
		h.Want("SELECT total FROM total", "9.25")
		h.Want("SELECT object FROM bursar_load_objects ORDER BY 1", "b.csv", "c.csv")
		h.Want("SELECT load_number, object, line FROM bursar_load_rejected", "2|b.csv|3")

		h.File("in/c.csv", "id,amount", ",2.25", ",1")
		h.Fails("3 rows or more are rejected", "object c.csv: line 2: column id: a value is required, and the field is empty")
		h.File("in/c.csv", "amount", "1")
		h.Fails(`object c.csv: row 1: no header "id" for column id; the header is "amount"`)
		h.Remove("in/c.csv")
		h.Remove("in/b.csv")
		h.Fails("in/ contains no objects")
	})
}

const seriesYAML = `load: events
from: in/
format: jsonl
columns:
  id: {type: int}
strategy: timeseries
timeseries: {by: day}
`

func TestTimeSeries(t *testing.T) {
	t.Parallel()
	onAll(t, seriesYAML, func(h *harness) {
		h.File("in/2026/11/01/a.jsonl", `{"id":10}`, `{"id":11}`)
		h.File("in/2026/11/02/a.jsonl", `{"id":20}`)
		h.File("in/2026/11/03/a.jsonl", `{"id":30}`)
		if r := h.Load("3 4 0 0"); r.From != "2026-11-01" {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id, _period, _load FROM events ORDER BY id", "10|2026-11-01|1", "11|2026-11-01|1", "20|2026-11-02|1", "30|2026-11-03|1")
		h.Load("0 0 0 3")

		// the last day has one more object, and another day follows
		h.File("in/2026/11/03/b.jsonl", `{"id":31}`)
		h.File("in/2026/11/04/a.jsonl", `{"id":40}`)
		if r := h.Load("3 3 0 2"); r.From != "2026-11-03" {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id, _load FROM events ORDER BY id", "10|1", "11|1", "20|1", "30|2", "31|2", "40|2")

		// only a new day
		h.File("in/2026/11/05/a.jsonl", `{"id":50}`)
		if r := h.Load("1 1 0 5"); r.From != "2026-11-05" {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT scope FROM bursar_loads ORDER BY load_number", "from 2026-11-01", "from 2026-11-03", "from 2026-11-05")

		// what has changed before the last day is reported
		h.File("in/2026/11/01/a.jsonl", `{"id":12}`)
		h.File("in/2026/11/02/b.jsonl", `{"id":21}`)
		h.Remove("in/2026/11/03/b.jsonl")
		r := h.Load("0 0 0 4")
		if !slices.Equal(r.Changed.Names, []string{"2026/11/01/a.jsonl"}) || !slices.Equal(r.Late.Names, []string{"2026/11/02/b.jsonl"}) ||
			!slices.Equal(r.Vanished.Names, []string{"2026/11/03/b.jsonl"}) {
			h.Errorf("the result is %+v", r)
		}
		from, _ := project.ByDay.Parse("2026-11-02")
		r = h.LoadWith(load.Options{From: &from}, "5 5 0 0")
		if r.Changed.Count != 1 || r.Late.Count != 0 || r.Vanished.Count != 0 || !slices.Equal(r.Removed.Names, []string{"2026/11/03/b.jsonl"}) {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id, _load FROM events ORDER BY id", "10|1", "11|1", "20|4", "21|4", "30|4", "40|4", "50|4")
		h.LoadWith(load.Options{Reload: true}, "6 6 0 0")
		h.Want("SELECT id, _load FROM events ORDER BY id", "12|5", "20|5", "21|5", "30|5", "40|5", "50|5")
		h.Want("SELECT count(*) FROM bursar_load_objects", "6")

		// the last day is gone
		h.Remove("in/2026/11/05/a.jsonl")
		h.Load("0 0 0 5")
		h.Want("SELECT max(id) FROM events", "40")
		h.File("in/other/x.jsonl", `{"id":1}`)
		h.Fails("object other/x.jsonl: its name contains no day; sort the objects into folders such as 2026/11/25/")
	})
}

func TestTimeSeriesBounds(t *testing.T) {
	t.Parallel()
	onAll(t, seriesYAML, func(h *harness) {
		h.Change("{by: day}", "{by: hour, start: 2026-11-01T23, end: 2026-11-02T01, revisit: 2}")
		for _, hour := range []string{"year=2026/month=11/day=01/hour=22/a", "2026-11-01T23/a", "20261102_00", "2026/11/02/01/a", "2026/11/02/02/a"} {
			h.File("in/"+hour+".jsonl", `{"id":1}`)
		}
		if r := h.Load("3 3 0 0"); r.From != "2026-11-01T23" {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT _period, _object FROM events ORDER BY 1", "2026-11-01T23:00:00Z|2026-11-01T23/a.jsonl", "2026-11-02T00:00:00Z|20261102_00.jsonl", "2026-11-02T01:00:00Z|2026/11/02/01/a.jsonl")
		h.File("in/20261102_00.jsonl", `{"id":2}`)
		if r := h.Load("2 2 0 1"); r.From != "2026-11-02T00" {
			h.Errorf("the result is %+v", r)
		}
		h.Change("by: hour, start: 2026-11-01T23, end: 2026-11-02T01", "by: day")
		h.Fails("table events: column _period is declared date in warehouse/events.yaml:7, and was timestamp for load 2")
	})
}

// TestTimeSeriesKeepsOtherPeriods replaces no rows of periods that the bounds leave out, although they were loaded before.
func TestTimeSeriesKeepsOtherPeriods(t *testing.T) {
	t.Parallel()
	onAll(t, seriesYAML, func(h *harness) {
		for _, day := range []string{"1", "2", "3", "4", "5"} {
			h.File("in/2026-11-0"+day+".jsonl", `{"id":`+day+`}`)
		}
		h.Load("5 5 0 0")
		h.Change("{by: day}", "{by: day, start: 2026-11-02, end: 2026-11-03}")
		h.Load("0 0 0 2")
		from := func(text string) load.Options {
			p, _ := project.ByDay.Parse(text)
			return load.Options{From: &p}
		}
		if _, err := h.Run(from("2026-11-04")); failure.Of(err) != failure.Data ||
			!strings.Contains(err.Error(), "period 2026-11-04 is after 2026-11-03, the last one that is loaded: change `end` in warehouse/events.yaml:7, or name an earlier period") {
			h.Errorf("from a period after the last one: %v", err)
		}
		if r := h.LoadWith(from("2026-11-01"), "2 2 0 0"); r.From != "2026-11-02" {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id, _load FROM events ORDER BY id", "1|1", "2|2", "3|2", "4|1", "5|1")

		// a difference before the last period, and changes of the others
		h.File("in/2026-11-03.jsonl", `{"id":30}`)
		h.File("in/2026-11-05.jsonl", `{"id":50}`)
		h.Remove("in/2026-11-01.jsonl")
		h.Remove("in/2026-11-04.jsonl")
		if r := h.Load("1 1 0 1"); r.From != "2026-11-03" || r.Removed.Count != 0 || !slices.Equal(r.Vanished.Names, []string{"2026-11-01.jsonl", "2026-11-04.jsonl"}) {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id, _load FROM events ORDER BY id", "1|1", "2|2", "4|1", "5|1", "30|3")

		// all objects replace the table: what the bounds leave out is named
		r := h.LoadWith(load.Options{Reload: true}, "2 2 0 0")
		slices.Sort(r.Removed.Names)
		if !slices.Equal(r.Removed.Names, []string{"2026-11-01.jsonl", "2026-11-04.jsonl", "2026-11-05.jsonl, of a period that is not loaded any more"}) {
			h.Errorf("the result is %+v", r)
		}
		h.Want("SELECT id, _load FROM events ORDER BY id", "2|4", "30|4")
	})
}

func TestTimeSeriesByNumber(t *testing.T) {
	t.Parallel()
	onAll(t, seriesYAML, func(h *harness) {
		h.File("in/2026-11-25/a.jsonl", `{"id":1}`)
		h.Load("1 1 0 0") // another load, whose periods are no numbers
		h.Remove("in/2026-11-25/a.jsonl")
		h.Change("load: events", "load: numbers")
		h.Change("{by: day}", "{by: number, start: 2}")
		for _, name := range []string{"1/a", "2/a", "9/a", "10/a"} {
			h.File("in/"+name+".jsonl", `{"id":1}`)
		}
		h.Load("3 3 0 0")
		h.File("in/100/a.jsonl", `{"id":2}`)
		h.File("in/10/a.jsonl", `{"id":3}`)
		h.Load("2 2 0 2")
		h.Want("SELECT _period, id, _load FROM numbers ORDER BY _period", "2|1|2", "9|1|2", "10|3|3", "100|2|3")
		h.Want("SELECT object, load_number FROM bursar_load_objects ORDER BY object", "10/a.jsonl|3", "100/a.jsonl|3", "2/a.jsonl|2", "2026-11-25/a.jsonl|1", "9/a.jsonl|2")
	})
}

// TestStaging loads groups of one object: the rows become visible together, whichever strategy it is.
func TestStaging(t *testing.T) {
	t.Parallel()
	for name, yaml := range map[string]string{"manifest": manifestYAML, "bulk": strings.Replace(bulkYAML, "csv", "json", 1), "timeseries": seriesYAML} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onAll(t, yaml, func(h *harness) {
				h.Config.GroupObjects = 1
				day := func(n string) string { return "in/2026/11/0" + n + "/x.json" }
				id := func(n string) string { return strings.NewReplacer("N", n).Replace(`{"id":N}`) }
				if name != "timeseries" {
					id = func(n string) string { return `{"id":"` + n + `"}` }
				}
				h.File(day("1"), id("1"))
				h.File(day("2"), id("2"), `{"id":[]}`)
				h.File(day("3"), id("3"))
				if name == "timeseries" {
					h.Change("timeseries: {by: day}", "max_errors: 1\ntimeseries: {by: day}")
				}
				h.Load("3 3 1 0")
				h.Want("SELECT id, _load FROM events ORDER BY id", "1|1", "2|1", "3|1")
				h.Load("0 0 0 3")
				h.File(day("4"), id("4"))
				h.File(day("5"), id("5"))
				h.File(day("6"), id("6"))
				h.Load(map[string]string{"manifest": "3 3 0 3", "bulk": "6 6 1 0", "timeseries": "3 3 0 3"}[name])
				h.Want("SELECT id FROM events ORDER BY id", "1", "2", "3", "4", "5", "6")
				h.Want("SELECT count(*) FROM bursar_load_staged", "0")
				h.Want("SELECT count(*) FROM bursar_load_objects", "6")
				h.Want("SELECT count(*) FROM bursar_load_rejected", "1")
				h.Want("SELECT load_number, objects, finished IS NULL FROM bursar_loads ORDER BY 1", "1|3|false", map[bool]string{true: "2|6|false", false: "2|3|false"}[name == "bulk"])

				// errors of several groups together are too many: nothing of any stays
				h.File(day("7"), `{"id":[]}`)
				h.File(day("8"), `{"id":[]}`)
				h.File(day("9"), id("9"))
				h.Fails("2 rows or more are rejected", "object 2026/11/0")
			})
		})
	}
}
