// When an SQL expression is evaluated, which determines what it may contain.

package column

// Evaluation is the time at which an SQL expression is evaluated.
type Evaluation uint8

// The times of evaluation.
const (
	AtIntake  Evaluation = iota // for each ingested event; if it fails the event is quarantined
	InRuns                      // in every run and rebuild: always with the same result, and it must not fail on any text
	InQueries                   // in queries: as in runs, but it may read the clock
)
