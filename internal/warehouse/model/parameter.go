// Parameters in the SQL of models, and those that Bursar sets.

package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// Parameters that Bursar sets.
const (
	lastRun = "last_run" // when the last run began; null in the first one
	thisRun = "this_run" // when this one began
	after   = "after_"   // before the name of a published or loaded table: the batch, run or load that the last run has read last; 0 in the first one
)

// isReserved reports whether Bursar sets a parameter.
func isReserved(name string) bool {
	return name == lastRun || name == thisRun || strings.HasPrefix(name, after)
}

// expand puts values in place of the parameters of a text. It keeps the lines: values have no line feeds.
func expand(sql string, value func(name string, line int) (string, error)) (string, error) {
	var out strings.Builder
	from := 0
	for _, t := range scan(sql) {
		if t.kind != parameter {
			continue
		}
		text, err := value(sql[t.from+1:t.to], lineOf(sql, t.from))
		if err != nil {
			return "", err
		}
		out.WriteString(sql[from:t.from] + text)
		from = t.to
	}
	return out.String() + sql[from:], nil
}

// values are the literals of one model's parameters in one run.
type values struct {
	model    *project.Model
	given    map[string]string // by person, as written
	sqlName  typeName
	began    time.Time
	last     *time.Time        // nil in the first run
	position map[string]uint64 // of tables that the last run has read
}

// literal returns the value of a parameter.
func (v *values) literal(name string, line int) (string, error) {
	table, isAfter := strings.CutPrefix(name, after)
	p := v.model.Parameter(name)
	switch {
	case name == thisRun:
		return instantLiteral(&v.began, v.sqlName), nil
	case name == lastRun:
		return instantLiteral(v.last, v.sqlName), nil
	case isAfter:
		return fmt.Sprint(v.position[table]), nil
	case p == nil:
		return "", fault(v.model, line, "parameter :%s is not declared", name)
	}
	text, ok := v.given[name]
	if !ok && !p.Given {
		return "", fault(v.model, p.Line, "parameter %s has no value: give it with --param %[1]s=VALUE, or a `default`", name)
	}
	if !ok {
		text = p.Default
	}
	literal, err := literalOf(p.Type, text, v.sqlName)
	if err != nil {
		return "", &ParameterError{fmt.Sprintf("parameter %s of model %s: %v", name, v.model.Name, err)}
	}
	return literal, nil
}

// ParameterError reports a value that a person has given: exit code 2.
type ParameterError struct{ text string }

func (e *ParameterError) Error() string { return e.text }

// Class is Data: a repeated call gives the same answer.
func (e *ParameterError) Class() failure.Class { return failure.Data }

// ExitCode is 2 (DESIGN §7).
func (e *ParameterError) ExitCode() int { return 2 }

// checkGiven refuses values of parameters that no chosen model has.
func checkGiven(given map[string]string, chosen []*Node) error {
	var known []string
	for _, n := range chosen {
		for _, p := range n.Model.Parameters {
			known = append(known, p.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			return &ParameterError{fmt.Sprintf("none of the models has a parameter %s%s", doc.Brief(name), doc.DidYouMean(name, known))}
		}
	}
	return nil
}
