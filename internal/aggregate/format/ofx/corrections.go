// Handles entries that replace or delete others (CORRECTFITID).

package ofx

import (
	"cmp"
	"fmt"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// corrections are the replaced entries of a statement, by FITID.
type corrections struct {
	shared   map[referenceHash][]string // amounts of the entries that share the FITID of an earlier one
	replaced map[referenceHash]bool
}

// firstEntry is the content hash and the amount of the first entry with a FITID. The amount is "" once another entry
// has replaced it.
type firstEntry struct {
	content uint64
	amount  string
}

// applyCorrection marks an entry that replaces or deletes the entry of another FITID. A deletion moves nothing
// itself. If the file does not state which entry to correct and how, the amount is made unreadable, so that the entry
// is quarantined.
func (p *reader) applyCorrection(r *record) {
	e, corrected, action := &p.currentEntry, r.get("CORRECTFITID"), strings.ToUpper(r.get("CORRECTACTION"))
	if corrected == "" {
		return
	}
	problem := ""
	switch {
	case action != "REPLACE" && action != "DELETE":
		problem = fmt.Sprintf("CORRECTACTION is %q: it is neither REPLACE nor DELETE", action)
	case strings.Trim(corrected, "0") == "":
		problem = fmt.Sprintf("CORRECTFITID %s does not name an entry", corrected)
	case !e.Unique:
		problem = "only a booked entry with a FITID of its own can replace or delete another"
	}
	switch {
	case problem != "":
		e.Text = strings.TrimSpace("CORRECTACTION:" + action + " CORRECTFITID:" + corrected + " " + e.Text)
		e.Amount = e.Amount + " to " + cmp.Or(action, "CORRECT") + " FITID " + corrected
		e.Refused = &statement.Refusal{Column: "amount", Reason: problem}
	case action == "DELETE":
		e.Corrects, e.Status = corrected, statement.StatusInformation
		e.Text = strings.TrimSpace("deletes FITID " + corrected + " of " + statement.NormalAmount(e.Amount) + " " + e.Text)
		e.Amount = "0"
	default:
		e.Corrects = corrected
	}
}

// movedAmount is what an entry adds to its statement's sum; "" if nothing.
func movedAmount(e *statement.Entry) string {
	if e.Replaced || e.Status != "" {
		return ""
	}
	return e.Amount
}

// addShared stores the amount of an entry that shares the FITID of an earlier one.
func (w *statementState) addShared(name referenceHash, e *statement.Entry) {
	amount := movedAmount(e)
	if amount == "" {
		return
	}
	if w.shared == nil {
		w.shared = map[referenceHash][]string{}
	}
	w.shared[name] = append(w.shared[name], amount)
}

// markReplaced marks an entry that an earlier one replaces, and lists the earlier entries that this one replaces.
func (w *statementState) markReplaced(e *statement.Entry, name referenceHash) {
	e.Replaced = w.replaced[name] && e.Corrects != e.Reference
	if e.Corrects == "" {
		return
	}
	corrected := hashReference(e.Corrects)
	before, amounts := w.seen[corrected], w.shared[corrected]
	if before.amount != "" {
		amounts = append(amounts, before.amount)
		before.amount = ""
		w.seen[corrected] = before
	}
	if len(amounts) > 0 {
		e.Replaces = &statement.Replacement{Amounts: amounts}
	}
	delete(w.shared, corrected)
	if w.replaced == nil {
		w.replaced = map[referenceHash]bool{}
	}
	w.replaced[corrected] = true
}
