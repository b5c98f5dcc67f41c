// When an SQL expression is evaluated, which decides what it may contain.

package column

// Evaluated says when an SQL expression is evaluated.
type Evaluated uint8

// The moments of evaluation.
const (
	AtIntake  Evaluated = iota // with each event that is taken in: one on which it fails goes to quarantine
	InRuns                     // in every run and rebuild: the same each time, and no value of a text may stop it
	WhenAsked                  // when somebody asks: as in runs, and the clock may be read
)
