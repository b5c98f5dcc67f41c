// When the slots of a job are due.

package record

import (
	"time"

	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// DueTimes returns the due times of one of the jobs: its own, or those of the job that it comes after. The function returns the first one after
// a time; zero if there is none.
func DueTimes(jobs []*project.Job, j *project.Job) func(after time.Time) time.Time {
	return slot.PolicyOf(j, byName(jobs)).Due
}
