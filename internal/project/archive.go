// The declared archive of a table of the warehouse: when rows leave it, by the age of their period, and for which tier.

package project

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"bursar/internal/project/doc"
)

// Archive declares how the rows of a table of the warehouse are archived.
type Archive struct {
	Column string // of the day or the time that a row belongs to
	By     ArchivePeriod
	Warm   Age // periods of this age leave the warehouse, and stay in the view of the table; zero: there is no such tier
	Cold   Age // periods of this age are compressed, and leave the view; zero: never
	Line   int

	warmLine int
}

// archiveKey is known in pipelines to say why it is refused there.
const archiveKey = "archive"

// ArchivePeriod is how long a period of an archive is.
type ArchivePeriod string

// The periods of archives.
const (
	ArchiveByDay   ArchivePeriod = "day"
	ArchiveByMonth ArchivePeriod = "month"
	ArchiveByYear  ArchivePeriod = "year"
)

// Age is a time in days, months or years of the calendar.
type Age struct{ Years, Months, Days int }

// IsZero reports whether no age is declared.
func (a Age) IsZero() bool { return a == Age{} }

// Before returns the day that is an age before another one.
func (a Age) Before(day time.Time) time.Time { return day.AddDate(-a.Years, -a.Months, -a.Days) }

// After returns the moment that is an age after another one.
func (a Age) After(at time.Time) time.Time { return at.AddDate(a.Years, a.Months, a.Days) }

var agePattern = regexp.MustCompile(`^([1-9][0-9]{0,4}) ?(day|month|year)s?$`)

// ParseAge reads an age such as 90 days, 12 months or 7 years.
func ParseAge(text string) (a Age, ok bool) {
	m := agePattern.FindStringSubmatch(text)
	if m == nil {
		return a, false
	}
	n, _ := strconv.Atoi(m[1]) // five digits at most
	switch m[2] {
	case "day":
		a.Days = n
	case "month":
		a.Months = n
	default:
		a.Years = n
	}
	return a, n < 10_000
}

// readArchive reads `archive`; nil if there is none. Without `column` it is the one given.
func readArchive(o doc.Section, byDefault string) *Archive {
	if !o.Has("archive") {
		return nil
	}
	s := o.Sub("archive", "column", "by", "warm", "cold")
	a := &Archive{Column: byDefault, By: ArchiveByMonth, Line: o.Src.Lines.At("archive"), warmLine: o.Src.Lines.At("archive.warm")}
	if s.Has("column") {
		a.Column = s.Text("column")
	}
	if s.Has("by") {
		a.By = ArchivePeriod(s.OneOf("by", string(ArchiveByDay), string(ArchiveByMonth), string(ArchiveByYear)))
	}
	for key, to := range map[string]*Age{"warm": &a.Warm, "cold": &a.Cold} {
		text := s.Text(key)
		if text == "" {
			continue
		}
		age, ok := ParseAge(text)
		if *to = age; !ok {
			s.Fail(key, "is %s: use an age such as 90 days, 12 months or 7 years", doc.Brief(text))
		}
	}
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // any day: it compares ages
	switch {
	case s.Values == nil:
	case !s.Has("warm") && !s.Has("cold"):
		o.Fail("archive", "must have `warm`, `cold` or both: the age at which rows leave the warehouse")
	case !a.Warm.IsZero() && !a.Cold.IsZero() && !a.Cold.Before(now).Before(a.Warm.Before(now)):
		s.Fail("cold", "must be a greater age than `warm`")
	}
	return a
}

// checkArchive checks the column of a stream's archive.
func (s *Stream) checkArchive(src *doc.File) {
	switch {
	case s.Archive == nil:
	case s.Archive.Column == "":
		src.FailAt("archive", "`archive` needs `column`: the day or time that a row belongs to, because the stream declares no `time`")
	default:
		s.checkKind(src, "archive.column", "column", s.Archive.Column, "a date or timestamp", TimeKinds)
	}
}

// ArchiveView is the view of a table with an archive: its rows, and those of the warm tier.
func ArchiveView(table string) string { return table + "_all" }

// archivedTable is a table with a declared archive.
type archivedTable struct {
	*Archive

	what, file, table string
}

func (p *Project) archivedTables() (list []archivedTable) {
	for _, s := range p.Streams {
		list = append(list, archivedTable{s.Archive, "a stream", s.File, EventsTable(s.Name)})
	}
	for _, l := range p.Loads {
		list = append(list, archivedTable{l.Archive, "a load", l.File, l.Table})
	}
	return slices.DeleteFunc(list, func(t archivedTable) bool { return t.Archive == nil })
}

// checkArchives reports archives that the warehouse cannot have, and tables with the names of their views.
func (p *Project) checkArchives(owners tableOwners) (errs []doc.Error) {
	for _, t := range p.archivedTables() {
		if owner, view := owners.of(ArchiveView(t.table)), ArchiveView(t.table); owner != "" {
			errs = append(errs, doc.Error{File: t.file, Line: t.Line, Message: fmt.Sprintf("%s with `archive` has the view %s, but the warehouse has this table for %s", t.what, view, owner)})
		}
		if kind := p.Config.Warehouse.Kind; !t.Warm.IsZero() && kind != DuckDBWarehouse && kind != NoWarehouse {
			errs = append(errs, doc.Error{File: t.file, Line: t.warmLine, Message: fmt.Sprintf(
				"`warm` is for a warehouse in DuckDB: %s cannot read the Parquet objects of the project in a query; use `cold` alone, and `bursar restore` when old rows are asked for", kind)})
		}
	}
	return errs
}
