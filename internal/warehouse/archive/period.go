// Periods: days, months or years (UTC), as conditions of SQL and as text.

package archive

import (
	"encoding/json"
	"fmt"
	"time"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// Period is a range of days.
type Period struct{ First, Until time.Time } // Until is the day after

const dayLayout = "2006-01-02"

// periodOf returns the period in which a day is.
func periodOf(day time.Time, by project.ArchivePeriod) Period {
	y, m, d := day.Date()
	switch by {
	case project.ArchiveByYear:
		first := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
		return Period{first, first.AddDate(1, 0, 0)}
	case project.ArchiveByMonth:
		first := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
		return Period{first, first.AddDate(0, 1, 0)}
	}
	first := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return Period{first, first.AddDate(0, 0, 1)}
}

// String is the year, the month or the day.
func (p Period) String() string {
	for by, layout := range map[project.ArchivePeriod]string{project.ArchiveByYear: "2006", project.ArchiveByMonth: "2006-01", project.ArchiveByDay: dayLayout} {
		if periodOf(p.First, by) == p {
			return p.First.Format(layout)
		}
	}
	return p.First.Format(dayLayout) + " to " + p.Until.AddDate(0, 0, -1).Format(dayLayout)
}

// MarshalJSON writes String.
func (p Period) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// UnmarshalJSON reads it.
func (p *Period) UnmarshalJSON(text []byte) (err error) {
	var name string
	if err = json.Unmarshal(text, &name); err == nil {
		*p, err = ParsePeriod(name)
	}
	return err
}

// ParsePeriod reads a year, a month or a day.
func ParsePeriod(text string) (Period, error) {
	for layout, by := range map[string]project.ArchivePeriod{"2006": project.ArchiveByYear, "2006-01": project.ArchiveByMonth, dayLayout: project.ArchiveByDay} {
		if day, err := time.Parse(layout, text); err == nil {
			return periodOf(day, by), nil
		}
	}
	return Period{}, fmt.Errorf("%q is no day, month or year, such as 2010-12-31, 2010-12 or 2010", text)
}

// within reports whether a period is in another one.
func (p Period) within(other Period) bool {
	return !p.First.Before(other.First) && !p.Until.After(other.Until)
}

func dateSQL(day time.Time) string { return "DATE '" + day.Format(dayLayout) + "'" }

// boundSQL is the beginning of a day as a value of the column of a table's periods.
func (t *Table) boundSQL(db warehouse.Database, day time.Time) string {
	if c, _ := t.field(t.Declared.Column); c.Type.Kind == column.Date {
		return dateSQL(day)
	}
	return warehouse.MidnightSQL(db, dateSQL(day))
}

// withinSQL is the condition that a row is of a period.
func (t *Table) withinSQL(db warehouse.Database, p Period) string {
	name := warehouse.Quote(db, t.Declared.Column)
	return fmt.Sprintf("%s >= %s AND %[1]s < %[3]s", name, t.boundSQL(db, p.First), t.boundSQL(db, p.Until))
}

// periodsSQL counts the rows before a day by period. Each is represented by its first day.
func (t *Table) periodsSQL(db warehouse.Database, before time.Time) string {
	name := warehouse.Quote(db, t.Declared.Column)
	day := name
	if c, _ := t.field(t.Declared.Column); c.Type.Kind == column.Timestamp {
		day = warehouse.DaySQL(db, name)
	}
	period := fmt.Sprintf("CAST(date_trunc('%s', CAST(%s AS TIMESTAMP)) AS DATE)", t.Declared.By, day)
	return fmt.Sprintf("SELECT %s AS period, count(*) AS n FROM %s WHERE %s < %s GROUP BY 1 ORDER BY 1",
		period, warehouse.Quote(db, t.Name), name, t.boundSQL(db, before))
}

// dayOf returns a date of a result.
func dayOf(days int64) time.Time { return time.Unix(days*86_400, 0).UTC() }
