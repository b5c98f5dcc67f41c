// When an SQL expression is evaluated, which decides what it may contain.

package column

// Evaluation says when an SQL expression is evaluated.
type Evaluation uint8

// The moments of evaluation.
const (
	AtIntake  Evaluation = iota // with each event that is taken in: one on which it fails goes to quarantine
	InRuns                      // in every run and rebuild: the same each time, and no value of a text may stop it
	InQueries                   // when somebody asks: as in runs, and the clock may be read
)
