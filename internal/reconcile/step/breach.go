// Control totals that do not balance, and what to change so that they do.

package step

import (
	"fmt"
	"strings"

	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/project"
	"bursar/internal/reconcile/runs"
)

// breachExit is the exit code of control totals that do not balance (DESIGN §7).
const breachExit = 4

// Breach reports that control totals do not balance at a step (rule 4).
type Breach struct {
	Step   runs.StepName
	Total  string // "events" or the name of a control total
	Group  string
	Want   string
	Got    string
	Remedy string // what to change in which file; empty if no declaration can be the cause
}

func (b *Breach) Error() string {
	name := b.Total
	if b.Group != "" {
		name += " of " + b.Group
	}
	text := fmt.Sprintf("control totals do not balance at %s: %s should move by %s, moves by %s; nothing of this run is visible", b.Step, name, b.Want, b.Got)
	if b.Remedy != "" {
		text += ": " + b.Remedy
	}
	return text
}

// PlainText leaves out amounts and the group, which is a column value, so that it may be written to histories (rule 7).
func (b *Breach) PlainText() string {
	return fmt.Sprintf("control totals do not balance at %s: total %s moves by another amount than it should; nothing of this run is visible", b.Step, b.Total)
}

// Class is Data: the same input fails again.
func (b *Breach) Class() failure.Class { return failure.Data }

// ExitCode is 4 (DESIGN §7).
func (b *Breach) ExitCode() int { return breachExit }

// remedy describes how to fix a conserve entry that does not cover all events.
func remedy(plan *fold.Plan, c *project.Conserve) string {
	p := plan.Pipeline
	leaves := "it must count every event that the total sums: add what it leaves out"
	if unnamed := p.Unnamed(plan.Events.Streams); len(unnamed) > 0 {
		leaves = fmt.Sprintf("no fold names %s: add a fold for such events to the artifact and to this entry", strings.Join(unnamed, ", "))
	}
	return fmt.Sprintf("look at `conserve` in %s:%d, which says %s: %q; %s, then run `bursar rebuild %s`", p.File, c.Line, c.Total, c.Expr, leaves, p.Name)
}
