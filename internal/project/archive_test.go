// Tests of declared archives.

package project_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"bursar/internal/project"
	"bursar/internal/project/projecttest"
)

const archivedStream = `stream: visits
format: jsonl
id: id
time: at
columns:
  id: {type: string}
  at: {type: timestamp}
  on: {type: date}
  file: {type: date, origin: true}
`

func readArchive(t *testing.T, more string, files map[string]string) (*project.Project, []string) {
	t.Helper()
	all := map[string]string{"bursar.yaml": "", "streams/visits.yaml": archivedStream + more}
	for name, text := range files {
		all[name] = text
	}
	p, errs := project.Read(projecttest.Folder(t, all))
	var texts []string
	for _, e := range errs {
		texts = append(texts, e.Error())
	}
	return p, texts
}

func TestArchive(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]project.Archive{
		"archive: {warm: 12 months, cold: 7 years}\n":     {Column: "at", By: project.ArchiveByMonth, Warm: project.Age{Months: 12}, Cold: project.Age{Years: 7}},
		"archive: {column: on, by: day, cold: 90 days}\n": {Column: "on", By: project.ArchiveByDay, Cold: project.Age{Days: 90}},
		"archive: {by: year, warm: 1 year}\n":             {Column: "at", By: project.ArchiveByYear, Warm: project.Age{Years: 1}},
		"archive: {warm: 364 days, cold: 12month}\n":      {Column: "at", By: project.ArchiveByMonth, Warm: project.Age{Days: 364}, Cold: project.Age{Months: 12}},
	} {
		p, errs := readArchive(t, more, nil)
		if len(errs) > 0 {
			t.Errorf("%s: %v", more, errs)
			continue
		}
		a := p.Stream("visits").Archive
		if a.Column != want.Column || a.By != want.By || a.Warm != want.Warm || a.Cold != want.Cold || a.Line != 10 {
			t.Errorf("%s: %+v", more, a)
		}
	}
	at := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	if day := (project.Age{Years: 7}).Before(at); !day.Equal(time.Date(2019, 3, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("7 years before is %s", day)
	}
}

func TestBadArchive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		more  string
		files map[string]string
		want  string
	}{
		{more: "archive: {}\n", want: "streams/visits.yaml:10: `archive` must have `warm`, `cold` or both: the age at which rows leave the warehouse"},
		{more: "archive: {warm: 12 weeks}\n", want: "streams/visits.yaml:10: `warm` is `12 weeks`: use an age such as 90 days, 12 months or 7 years"},
		{more: "archive: {cold: 10000 years}\n", want: "streams/visits.yaml:10: `cold` is `10000 years`: use an age such as 90 days, 12 months or 7 years"},
		{more: "archive: {warm: 12 months, cold: 1 year}\n", want: "streams/visits.yaml:10: `cold` must be a greater age than `warm`"},
		{more: "archive: {column: id, cold: 1 year}\n", want: "streams/visits.yaml:10: `column` must be a date or timestamp column; `id` is string"},
		{more: "archive: {column: file, cold: 1 year}\n", want: "streams/visits.yaml:10: `column` column `file` says where an event was read from: the same event may come from elsewhere"},
		{
			more: "archive:\n  warm: 1 year\n", files: map[string]string{"bursar.yaml": "warehouse: {kind: postgres, url: 'env:W'}\n"},
			want: "streams/visits.yaml:11: `warm` is for a warehouse in DuckDB: postgres cannot read the Parquet objects of the project in a query; use `cold` alone, and `bursar restore` when old rows are asked for",
		},
		{
			more: "archive: {cold: 1 year}\n", files: map[string]string{"streams/visits_all.yaml": "stream: visits_all\nformat: jsonl\nid: id\ncolumns: {id: {type: string}}\n"},
			want: "streams/visits.yaml:10: a stream with `archive` has the view events_visits_all, but the warehouse has this table for the events of stream visits_all",
		},
		{
			files: map[string]string{"pipelines/p.yaml": "pipeline: p\nfrom: visits\nkey: id\nartifact: {n: {count: true}}\narchive: {cold: 1 year}\n"},
			want:  "pipelines/p.yaml:5: `archive` is for streams and loads: the records of a pipeline change in place, so none of them is ever finished; archive the streams that it reads",
		},
	} {
		if _, errs := readArchive(t, c.more, c.files); len(errs) != 1 || errs[0] != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.more, errs, c.want)
		}
	}
}

const archivedLoad = `load: clicks
from: in/
format: jsonl
columns:
  id: {type: string}
  at: {type: timestamp}
strategy: %s
archive: {%s}
`

func TestArchiveOfLoad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ strategy, archive, column string }{
		{"manifest", "column: at, by: day, warm: 1 year", "at"},
		{"bulk", "column: at, cold: 1 year", "at"},
		{"timeseries\ntimeseries: {by: day}", "cold: 1 year", "_period"},
		{"timeseries\ntimeseries: {by: hour}", "column: _period, cold: 1 year", "_period"},
		{"timeseries\ntimeseries: {by: hour}", "column: at, cold: 1 year", "at"},
	} {
		p, errs := readArchive(t, "", map[string]string{"warehouse/clicks.yaml": fmt.Sprintf(archivedLoad, c.strategy, c.archive)})
		if len(errs) > 0 || p.Load("clicks").Archive.Column != c.column {
			t.Errorf("%s: %q", c.archive, errs)
		}
	}
}

func TestBadArchiveOfLoad(t *testing.T) {
	t.Parallel()
	owned := "warehouse/clicks.yaml:8: a load with `archive` has the view clicks_all, but the warehouse has this table for "
	for _, c := range []struct {
		strategy, archive string
		files             map[string]string
		want              string
	}{
		{"manifest", "cold: 1 year", nil, "warehouse/clicks.yaml:8: `archive` needs `column`: the day or time that a row belongs to"},
		{"timeseries\ntimeseries: {by: number}", "cold: 1 year", nil, "warehouse/clicks.yaml:9: `archive` needs `column`: the day or time that a row belongs to"},
		{"manifest", "column: id, cold: 1 year", nil, "warehouse/clicks.yaml:8: `column` must be a date or timestamp column; `id` is string"},
		{"bulk", "column: at, warm: 1 year", map[string]string{"bursar.yaml": "warehouse: {kind: postgres, url: 'env:W'}\n"}, "warehouse/clicks.yaml:8: `warm` is for a warehouse in DuckDB: postgres cannot " +
			"read the Parquet objects of the project in a query; use `cold` alone, and `bursar restore` when old rows are asked for"},
		{"bulk", "column: at, cold: 1 year", map[string]string{"warehouse/other.yaml": "load: other\ntable: clicks_all\nfrom: in/\nformat: jsonl\ncolumns: {id: {type: string}}\nstrategy: bulk\n"}, owned + "load other"},
		{"bulk", "column: at, cold: 1 year", map[string]string{"warehouse/clicks_all.sql": "-- model: clicks_all\nSELECT 1 AS n\n"}, owned + "model clicks_all"},
		{"bulk", "column: at, cold: 1 year", map[string]string{"pipelines/clicks_all.yaml": "pipeline: clicks_all\nfrom: visits\nkey: id\nartifact: {n: {count: true}}\n"}, owned + "the artifacts of pipeline clicks_all"},
	} {
		files := map[string]string{"warehouse/clicks.yaml": fmt.Sprintf(archivedLoad, c.strategy, c.archive)}
		maps.Copy(files, c.files)
		if _, errs := readArchive(t, "", files); len(errs) != 1 || errs[0] != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.archive, errs, c.want)
		}
	}
}
