// Tests of loads into tables of which periods are archived.

package load_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/load"
)

const archivedYAML = `load: events
from: in/
format: jsonl
columns:
  id: {type: int}
  day: {type: date, optional: true}
  amount: {type: "decimal(18,2)"}
strategy: manifest
archive: {column: day, cold: 1 year}
`

// archived is a load whose table is archived.
type archived struct {
	*harness

	hasWarm bool
}

// onArchived runs a test on DuckDB, which has a warm tier, and on PostgreSQL.
func onArchived(t *testing.T, yaml string, test func(h *archived)) {
	t.Helper()
	t.Run("duckdb", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		h := newHarness(t, openDuck(t, dir), yaml)
		h.Config.Archive.Copies = archive.Downloaded(warmFolder(dir), h.Config.Archive.Objects)
		test(&archived{h, true})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(&archived{newHarness(t, openPostgres(t, postgrestest.URL(t)), yaml), false})
	})
}

func (h *archived) Table() archive.Table {
	h.Helper()
	t := load.ArchiveTable(h.Declared())
	if h.hasWarm && t.Declared != nil {
		t.Declared.Warm = project.Age{Days: 1}
	}
	return t
}

// must returns a value unless there is an error.
func must[T any](value T, err error) func(h *archived) T {
	return func(h *archived) T {
		h.Helper()
		if err != nil {
			h.Fatal(err)
		}
		return value
	}
}

// Archive moves the periods before a day out of the warehouse, and those before another one to the cold tier.
func (h *archived) Archive(before, coldBefore string) {
	h.Helper()
	parse := func(text string) time.Time { return must(archive.ParsePeriod(text))(h).First }
	t := h.Table()
	for _, m := range must(h.Config.Archive.Plan(h.Context(), t, archive.Limits{Hot: parse(before), Warm: parse(coldBefore), Kept: true}))(h) {
		must(h.Config.Archive.Do(h.Context(), t, m))(h)
	}
}

// Restore brings back everything to a tier.
func (h *archived) Restore(to archive.Tier) {
	h.Helper()
	all := archive.Period{Until: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, m := range must(h.Config.Archive.PlanRestore(h.Context(), "events", all, to, time.Time{}))(h) {
		must(h.Config.Archive.Restore(h.Context(), h.Table(), m))(h)
	}
}

// Parts lists the periods, parts, tiers and numbers of rows that are archived.
func (h *archived) Parts(want ...string) {
	h.Helper()
	var got []string
	for _, p := range must(h.Config.Archive.List(h.Context()))(h) {
		got = append(got, fmt.Sprintf("%s %d %s %d", p.Period, p.Number, p.Tier, p.Rows))
	}
	if !h.hasWarm {
		for i := range want {
			want[i] = strings.Replace(want[i], "warm", "cold", 1)
		}
	}
	if !slices.Equal(got, want) {
		h.Errorf("the archive has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// All returns the rows of the table and of its archive, sorted. They begin with the columns of the objects.
func (h *archived) All() (lines []string) {
	h.Helper()
	lines = h.Rows("SELECT id, day, amount FROM events")
	err := h.DB.Read(h.Context(), func(ctx context.Context, r warehouse.Reader) error {
		rows, _, err := h.Config.Archive.Rows(ctx, r, h.Table())
		if err != nil {
			return err
		}
		for vectors, err := range rows {
			if err != nil {
				return err
			}
			for i := range vectors[0].Len() {
				lines = append(lines, rowText(vectors[:3], i))
			}
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

func rowText(vectors []column.Vector, i int) string {
	values := make([]string, len(vectors))
	for c := range vectors {
		values[c] = "NULL"
		if !vectors[c].IsNull(i) {
			values[c] = string(vectors[c].AppendPlain(nil, i))
		}
	}
	return strings.Join(values, "|")
}

// TestArchivedManifest adds rows to periods that are archived: they are hot, and then another part.
func TestArchivedManifest(t *testing.T) {
	t.Parallel()
	onArchived(t, archivedYAML, func(h *archived) {
		h.File("in/a.jsonl", `{"id":1,"day":"2024-01-31","amount":"1.10"}`, `{"id":2,"day":"2024-02-01","amount":"-2.20"}`, `{"id":3,"day":null,"amount":"3"}`)
		h.Load("1 3 0 0")
		h.Want("SELECT id FROM events_all ORDER BY id", "1", "2", "3")
		journal := h.Rows("SELECT object, row_count, load_number FROM bursar_load_objects")
		h.Archive("2024-03", "2024-02")
		h.Parts("2024-01 1 cold 1", "2024-02 1 warm 1")
		h.Want("SELECT id FROM events", "3")
		h.Want("SELECT object, row_count, load_number FROM bursar_load_objects", journal...)
		h.Load("0 0 0 1")

		h.Change("strategy:", "  note: {type: string, optional: true}\nstrategy:")
		h.File("in/b.jsonl", `{"id":4,"day":"2024-02-29","amount":"4.40","note":"late"}`)
		h.Load("1 1 0 1")
		h.Parts("2024-01 1 cold 1", "2024-02 1 warm 1")
		if h.hasWarm {
			h.Want("SELECT id, note, _object, _line, _load FROM events_all ORDER BY id", "2|NULL|a.jsonl|2|1", "3|NULL|a.jsonl|3|1", "4|late|b.jsonl|1|2")
		} else {
			h.Want("SELECT id, note FROM events_all ORDER BY id", "3|NULL", "4|late")
		}
		h.Archive("2024-03", "2024-02")
		h.Parts("2024-01 1 cold 1", "2024-02 1 warm 1", "2024-02 2 warm 1")
		h.Restore(archive.Hot)
		h.Parts()
		h.Want("SELECT id, day, amount, note, _object, _line, _load FROM events ORDER BY id", "1|2024-01-31|1.10|NULL|a.jsonl|1|1", "2|2024-02-01|-2.20|NULL|a.jsonl|2|1",
			"3|NULL|3.00|NULL|a.jsonl|3|1", "4|2024-02-29|4.40|late|b.jsonl|1|2")
		h.Want("SELECT object, row_count, load_number FROM bursar_load_objects ORDER BY 1", append(journal, "b.jsonl|1|2")...)
	})
}

// TestArchiveDeclaredLater makes the view of a table that is loaded, although no object is new.
func TestArchiveDeclaredLater(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"manifest", "bulk", "timeseries\ntimeseries: {by: day}"} {
		t.Run(strategy[:4], func(t *testing.T) {
			t.Parallel()
			onArchived(t, strings.Replace(archivedYAML, "manifest", strategy, 1), func(h *archived) {
				h.Change("archive:", "# archive:")
				h.File("in/2024-01-31.jsonl", `{"id":1,"day":"2024-01-31","amount":"1"}`)
				h.Load("1 1 0 0")
				h.Change("# archive:", "archive:")
				h.Load("0 0 0 1")
				h.Want("SELECT id FROM events_all", "1")
				h.Want("SELECT count(*) FROM bursar_loads", "1")
			})
		})
	}
}

// TestArchivedTableIsReplaced empties the archive of a table whose rows are replaced, also if its columns are others.
func TestArchivedTableIsReplaced(t *testing.T) {
	t.Parallel()
	onArchived(t, archivedYAML, func(h *archived) {
		h.File("in/a.jsonl", `{"id":1,"day":"2024-01-31","amount":"1.10"}`, `{"id":2,"day":"2024-02-01","amount":"-2.20"}`)
		h.File("in/b.jsonl", `{"id":3,"day":"2024-02-02","amount":"3"}`)
		h.Load("2 3 0 0")
		h.Archive("2024-03", "2024-02")
		h.LoadWith(load.Options{Reload: true}, "2 3 0 0")
		h.Parts()
		h.Want("SELECT id FROM events_all ORDER BY id", "1", "2", "3")

		h.Archive("2024-03", "2024-02")
		h.Change("  id: {type: int}", "  id: {type: bigint}")
		h.Change("  amount:", "  more: {type: string, optional: true}\n  amount:")
		h.Config.GroupObjects = 1 // staged
		h.LoadWith(load.Options{Reload: true}, "2 3 0 0")
		h.Parts()
		h.Want("SELECT id, more, amount FROM events_all ORDER BY id", "1|NULL|1.10", "2|NULL|-2.20", "3|NULL|3.00")

		h.Archive("2024-03", "2024-02")
		h.Change("archive:", "# archive:") // what is archived already must not come back, either
		h.LoadWith(load.Options{Reload: true}, "2 3 0 0")
		h.Parts()
		h.Want("SELECT id FROM events_all ORDER BY id", "1", "2", "3")
	})
}

const archivedSeriesYAML = `load: events
from: in/
format: jsonl
columns:
  id: {type: int}
  day: {type: date, optional: true}
  amount: {type: "decimal(18,2)"}
strategy: timeseries
timeseries: {by: day, revisit: 100}
archive: {cold: 1 year}
`

// TestArchivedSeries replaces rows of periods that are archived: those behind the first one leave the archive, and those of the part in which it
// is come back before.
func TestArchivedSeries(t *testing.T) {
	t.Parallel()
	onArchived(t, archivedSeriesYAML, func(h *archived) {
		for i, day := range []string{"2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01"} {
			h.File("in/"+day+".jsonl", fmt.Sprintf(`{"id":%d,"day":"2023-01-01","amount":"1"}`, i+1))
		}
		h.Load("4 4 0 0")
		h.Archive("2024-04", "2024-03")
		h.Parts("2024-01 1 cold 1", "2024-02 1 cold 2", "2024-03 1 warm 1")
		h.Want("SELECT count(*) FROM events", "0")
		h.File("in/2024-02-29.jsonl", `{"id":30,"amount":"3"}`)
		march := must(h.Config.Archive.List(h.Context()))(h)[2].Object.Name
		if err := h.Config.Archive.Objects.Delete(h.Context(), march); err != nil { // nothing of it is needed
			h.Fatal(err)
		}
		h.Load("2 2 0 2")
		h.Parts("2024-01 1 cold 1")
		h.Want("SELECT id FROM events_all ORDER BY id", "2", "4", "30")
		h.Want("SELECT object, row_count, load_number FROM bursar_load_objects ORDER BY 1", "2024-01-31.jsonl|1|1", "2024-02-01.jsonl|1|1", "2024-02-29.jsonl|1|2", "2024-03-01.jsonl|1|2")

		// the part with the first period is damaged: nothing changes
		h.Archive("2024-04", "2024-01")
		february := must(h.Config.Archive.List(h.Context()))(h)[1].Object.Name
		if err := h.Config.Archive.Objects.Delete(h.Context(), february); err != nil {
			h.Fatal(err)
		}
		h.File("in/2024-02-29.jsonl", `{"id":31,"amount":"3"}`)
		h.Fails("load events: restore part 1 of 2024-02", "`bursar load events --reload` fills the table from all objects")
		h.Parts("2024-01 1 cold 1", "2024-02 1 warm 2", "2024-03 1 warm 1")
		h.LoadWith(load.Options{Reload: true}, "4 4 0 0")
		h.Parts()
		h.Want("SELECT id FROM events_all ORDER BY id", "1", "2", "4", "31")
	})
}

// TestArchivedSeriesKeepsOtherPeriods leaves parts of periods after the end as they are, and brings one back that has some of them.
func TestArchivedSeriesKeepsOtherPeriods(t *testing.T) {
	t.Parallel()
	onArchived(t, archivedSeriesYAML, func(h *archived) {
		for i, day := range []string{"2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01"} {
			h.File("in/"+day+".jsonl", fmt.Sprintf(`{"id":%d,"amount":"1"}`, i+1))
		}
		h.Load("4 4 0 0")
		h.Archive("2024-04", "2024-03")
		h.Change("revisit: 100", "revisit: 100, end: 2024-02-01")
		h.File("in/2024-01-31.jsonl", `{"id":10,"amount":"3"}`)
		h.Load("2 2 0 0")
		h.Parts("2024-03 1 warm 1")
		h.Want("SELECT id FROM events ORDER BY id", "2", "3", "10")
	})
}

// TestArchivedAtRandom compares the table and its archive with the objects, while these are added and replaced, and periods move.
func TestArchivedAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("loads, archives and restores at random")
	}
	seed := uint64(time.Now().UnixNano() % 100000)
	if s := os.Getenv("SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("SEED=%d", seed)
	t.Parallel()
	for i, strategy := range []string{"manifest", "bulk", "timeseries\ntimeseries: {by: day, revisit: 10000}", "timeseries\ntimeseries: {by: number, revisit: 10000}"} {
		columns := []string{"column: day, "}
		if strings.Contains(strategy, "by: day") {
			columns = append(columns, "")
		}
		for j, archived := range columns {
			yaml := strings.Replace(strings.Replace(archivedYAML, "manifest", strategy, 1), "column: day, ", archived+"by: month, ", 1)
			t.Run(fmt.Sprint(i, j), func(t *testing.T) {
				t.Parallel()
				onArchived(t, yaml, (&objects{strategy, seed + uint64(i)}).test)
			})
		}
	}
}

// objects are random objects of a load.
type objects struct {
	strategy string
	seed     uint64
}

func (o *objects) test(h *archived) {
	random, next := rand.New(rand.NewPCG(o.seed, 2)), 0
	rows := map[string][]string{} // by object
	day := func() time.Time { return time.Date(2024, 1, 1+random.IntN(150), 0, 0, 0, 0, time.UTC) }
	put := func(name string) {
		var lines []string
		rows[name] = nil
		for range 1 + random.IntN(4) {
			next++
			line, at, amount := fmt.Sprintf(`{"id":%d,"amount":"%d.25"`, next, next%7), "NULL", fmt.Sprintf("%d.25", next%7)
			if random.IntN(5) > 0 {
				at = day().Format("2006-01-02")
				line += `,"day":"` + at + `"`
			}
			lines = append(lines, line+"}")
			rows[name] = append(rows[name], fmt.Sprintf("%d|%s|%s", next, at, amount))
		}
		h.File(name, lines...)
	}
	for step := range 30 {
		switch n := random.IntN(10); {
		case n < 4:
			put(fmt.Sprintf("in/%s/%d.jsonl", day().Format("2006-01-02"), step))
			if strings.Contains(o.strategy, "number") {
				put(fmt.Sprintf("in/%d/%d.jsonl", random.IntN(20), step))
			}
		case n < 6 && o.strategy != "manifest" && len(rows) > 0:
			names := make([]string, 0, len(rows))
			for name := range rows {
				names = append(names, name)
			}
			slices.Sort(names)
			name := names[random.IntN(len(names))]
			if put(name); random.IntN(2) == 0 && len(rows) > 1 {
				h.Remove(name)
				delete(rows, name)
			}
		case n < 8 && step > 5:
			h.Archive(day().Format("2006-01-02"), day().AddDate(0, -2, 0).Format("2006-01-02"))
			continue
		case n == 8 && h.hasWarm && random.IntN(2) == 0:
			h.Restore(archive.Warm)
			continue
		case n == 8:
			h.Restore(archive.Hot)
			continue
		}
		if len(rows) == 0 {
			continue
		}
		must(h.Run(load.Options{Reload: random.IntN(12) == 0}))(h)
		o.check(h, rows)
	}
	h.Archive("2024-05", "2024-03")
	o.check(h, rows)
	h.Restore(archive.Hot)
	h.Parts()
	o.check(h, rows)
}

func (o *objects) check(h *archived, rows map[string][]string) {
	h.Helper()
	var want []string
	for _, lines := range rows {
		want = append(want, lines...)
	}
	slices.Sort(want)
	if got := h.All(); !slices.Equal(got, want) {
		h.Fatalf("the table and its archive have\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	h.Want("SELECT CAST(sum(row_count) AS BIGINT) FROM bursar_load_objects", strconv.Itoa(len(want)))
	warm := 0
	for _, p := range must(h.Config.Archive.List(h.Context()))(h) {
		if p.Tier == archive.Warm {
			warm += int(p.Rows)
		}
	}
	hot := must(strconv.Atoi(h.Rows("SELECT count(*) FROM events")[0]))(h)
	h.Want("SELECT count(*) FROM events_all", strconv.Itoa(hot+warm))
}

// TestViewOfDamagedObjects makes the view of a table although each new object is damaged.
func TestViewOfDamagedObjects(t *testing.T) {
	t.Parallel()
	onArchived(t, archivedYAML, func(h *archived) {
		h.Change("archive: {column: day, cold: 1 year}\n", "max_errors: 1\n")
		h.File("in/a.jsonl", `{"id":1,"day":"2026-01-01","amount":"1.00"}`)
		h.Load("1 1 0 0")
		h.File("in/b.jsonl.gz", `{"id":2,"amount":"2.00"}`)
		cut := filepath.Join(h.Dir, "in", "b.jsonl.gz")
		if err := os.Truncate(cut, 12); err != nil {
			h.Fatal(err)
		}
		h.Change("max_errors: 1\n", "max_errors: 1\narchive: {column: day, cold: 1 year}\n")
		if r := h.LoadWith(load.Options{}, "0 0 0 1"); len(r.LeftOut) != 1 {
			h.Errorf("the result is %+v", r)
		}
		if h.hasWarm {
			h.Want("SELECT id FROM events_all", "1")
		}
	})
}
