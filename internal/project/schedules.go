// Schedules: when `bursar up` executes what commands execute otherwise.

package project

import (
	"cmp"
	"time"

	"bursar/internal/project/doc"
	"bursar/internal/schedule"
)

// Schedules are those of the whole project; a load has its own. The zero value of one is none.
type Schedules struct {
	Zone    *time.Location // of cron expressions, also of loads
	Models  schedule.Schedule
	Archive schedule.Schedule
}

func readSchedules(o doc.Section) (s Schedules) {
	schedules := o.Sub("schedules", "zone", "models", "archive")
	s.Zone = cmp.Or(readZone(schedules), time.UTC)
	s.Models, s.Archive = readSchedule(schedules, "models", s.Zone), readSchedule(schedules, "archive", s.Zone)
	return s
}

func readSchedule(o doc.Section, key string, zone *time.Location) schedule.Schedule {
	text := o.Text(key)
	if text == "" {
		return schedule.Schedule{}
	}
	s, err := schedule.Parse(text, cmp.Or(zone, time.UTC)) // bursar.yaml may be invalid
	if err != nil {
		o.Fail(key, "is %s: %v", doc.Brief(text), err)
	}
	return s
}
