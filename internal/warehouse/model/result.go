// What a run has made and tested.

package model

import (
	"fmt"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/project"
)

// Result is what one run has made and tested.
type Result struct {
	OK      bool      `json:"ok"`            // no test of severity error fails; a run that is not OK has changed nothing
	Run     int64     `json:"run,omitempty"` // 0 if models were only tested
	Started time.Time `json:"started"`
	Models  []Made    `json:"models"`
	Tests   []Tested  `json:"tests"`
	// Warnings name the tables that the models read and that are not as they were published.
	Warnings []string `json:"warnings,omitempty"`
	Seconds  float64  `json:"seconds"`
}

// Made is a model that was made.
type Made struct {
	Model       string                  `json:"model"`
	Materialize project.Materialization `json:"materialize"`
	Rows        *int64                  `json:"rows,omitempty"`     // of the table
	Added       *int64                  `json:"added,omitempty"`    // by this run, to an incremental model
	Replaced    *int64                  `json:"replaced,omitempty"` // of the rows of an incremental model
	Full        bool                    `json:"full,omitempty"`     // an incremental model was made from the beginning
	Reason      string                  `json:"reason,omitempty"`   // why, if nobody has asked for it
	Changed     bool                    `json:"changed,omitempty"`  // the definition is not that of the last run, whose rows stay
	Seconds     float64                 `json:"seconds"`
}

// Tested is the outcome of a test.
type Tested struct {
	Model    string           `json:"model"`
	Test     string           `json:"test"`
	Kind     project.TestKind `json:"kind"`
	Severity string           `json:"severity"` // error or warn
	OK       bool             `json:"ok"`
	Failures int64            `json:"failures"`          // rows, values or groups
	Columns  []string         `json:"columns,omitempty"` // of the failing rows
	Rows     [][]*string      `json:"rows,omitempty"`    // the first ones; a nil is null
	File     string           `json:"file"`
	Line     int              `json:"line"`
}

// TestError reports tests of severity error that have failed. A run with them has changed nothing.
type TestError struct {
	Result     Result
	RolledBack bool // the models were made, and taken back
}

func (e *TestError) failed() (list []Tested) {
	for _, t := range e.Result.Tests {
		if !t.OK && t.Severity == severityError {
			list = append(list, t)
		}
	}
	return list
}

func (e *TestError) Error() string {
	var texts []string
	for _, t := range e.failed() {
		texts = append(texts, fmt.Sprintf("%s:%d: test %s of model %s fails: %s", t.File, t.Line, t.Test, t.Model, failuresText(t)))
	}
	text := strings.Join(texts, "; ")
	if e.RolledBack {
		text += "; nothing was changed in the warehouse"
	}
	return text
}

func failuresText(t Tested) string {
	what := map[project.TestKind]string{project.NotNull: "row", project.Unique: "value", project.Accepted: "value", project.Balanced: "difference"}[t.Kind]
	if t.Failures != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", t.Failures, what)
}

// Class is Data: the same rows fail again.
func (e *TestError) Class() failure.Class { return failure.Data }

// ExitCode is 4 if a control total does not balance (DESIGN §7).
func (e *TestError) ExitCode() int {
	for _, t := range e.failed() {
		if t.Kind == project.Balanced {
			return failure.UnbalancedExit
		}
	}
	return 1
}
