// Entries that replace or delete others (CORRECTFITID).

package ofx

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/statement"
)

// corrections are the FITIDs of a statement whose place others take. Its zero value is none.
type corrections struct {
	shared   map[referenceHash][]string // what entries move that have the FITID of another one before them
	replaced map[referenceHash]bool
}

// firstEntry is what the first entry of a FITID says, and what it moves: nothing once another entry has taken its place.
type firstEntry struct {
	content uint64
	amount  string
}

// applyCorrection marks an entry that replaces or deletes the one of another FITID. What it deletes is taken out: the entry itself moves
// nothing. Where the file does not say what is to be done to which entry, no amount is read, so that the entry waits in quarantine.
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
		e.Amount = e.Amount + " to " + firstNonEmpty(action, "CORRECT") + " FITID " + corrected
		e.Refused = &statement.Refusal{Column: "amount", Reason: problem}
	case action == "DELETE":
		e.Corrects, e.Status = corrected, statement.StatusInformation
		e.Text = strings.TrimSpace("deletes FITID " + corrected + " of " + normalAmount(e.Amount) + " " + e.Text)
		e.Amount = "0"
	default:
		e.Corrects = corrected
	}
}

// normalAmount is an amount however many decimals it is written with; any other text is as it was.
func normalAmount(amount string) string {
	var sum statement.Sum
	if !sum.Add(amount) {
		return amount
	}
	return sum.String()
}

// movedAmount is what an entry adds to its statement's sum; empty where it does not.
func movedAmount(e *statement.Entry) string {
	if e.Replaced || e.Status != "" {
		return ""
	}
	return e.Amount
}

// addShared keeps what an entry moves that has the FITID of one before it.
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

// markReplaced marks an entry whose place another one before it takes, and has one that takes the place of others name what these move.
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
