// Errors of steps without values of events, as they may stand where only references do (rule 7).

package reconcile

import "fmt"

// PlainText leaves out amounts, and the group, which is a value of a column.
func (b *Breach) PlainText() string {
	return fmt.Sprintf("control totals do not balance at %s: total %s moves by another amount than it should; nothing of this run is visible", b.Step, b.Total)
}
