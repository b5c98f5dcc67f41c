// Tests of the query that lists the partitions of a slot.

package task

import (
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/project"
)

func TestPartitionSQL(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		zone      *time.Location
		sql, want string
	}{
		{zone, "SELECT a FROM t", "SELECT a FROM t"},
		{zone, "SELECT CAST({{.date}} AS DATE), {{.slot}}, {{.job}}", "SELECT CAST('2026-11-25' AS DATE), '2026-11-25T00:30:00+01:00', 'reminders'"},
		{nil, "SELECT {{.date}}, {{.slot}}", "SELECT '2026-11-24', '2026-11-24T23:30:00Z'"},
		{zone, "", ""},
	} {
		e := executorOf(t, &project.Job{Name: "reminders", Zone: c.zone, Partition: project.Partition{SQL: c.sql}, Task: project.Task{SQL: "SELECT 1"}}, Deps{})
		if got, err := e.PartitionSQL(due); err != nil || got != c.want {
			t.Errorf("%s is %s (%v), want %s", c.sql, got, err, c.want)
		}
	}
	for sql, want := range map[string]string{
		"SELECT {{.key}}":    "unknown variable .key; before there are tasks there are .date, .job, .slot",
		"SELECT {{.id}}":     "unknown variable .id",
		"SELECT '{{.date}}'": "a value is inside quotes",
		"SELECT {{.date":     "unclosed action",
	} {
		_, err := New(&project.Job{Partition: project.Partition{SQL: sql}, Task: project.Task{SQL: "SELECT 1"}}, Deps{})
		if err == nil || !strings.Contains(err.Error(), want) || failure.Of(err) != failure.Data {
			t.Errorf("%s gives %v, want %s", sql, err, want)
		}
	}
}
