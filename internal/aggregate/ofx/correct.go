// Entries that replace or delete others (CORRECTFITID).

package ofx

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/statement"
)

// corrections are the FITIDs of a statement whose place others take. Its zero value is none.
type corrections struct {
	shared   map[naming][]string // what entries move that have the FITID of another one before them
	replaced map[naming]bool
}

// first is what the first entry of a FITID says, and what it moves: nothing once another entry has taken its place.
type first struct {
	content uint64
	moves   string
}

// correction marks an entry that replaces or deletes the one of another FITID. What it deletes is taken out: the entry itself moves
// nothing. Where the file does not say what is to be done to which entry, no amount is read, so that the entry waits in quarantine.
func (p *reader) correction(r *record) {
	e, corrected, action := &p.row, r.get("CORRECTFITID"), strings.ToUpper(r.get("CORRECTACTION"))
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
		e.Amount = e.Amount + " to " + either(action, "CORRECT") + " FITID " + corrected
		e.Refused = &statement.Refusal{Column: "amount", Reason: problem}
	case action == "DELETE":
		e.Corrects, e.Status = corrected, statement.ForInformation
		e.Text = strings.TrimSpace("deletes FITID " + corrected + " of " + byValue(e.Amount) + " " + e.Text)
		e.Amount = "0"
	default:
		e.Corrects = corrected
	}
}

// byValue is an amount however many decimals it is written with; any other text is as it was.
func byValue(amount string) string {
	var sum statement.Sum
	if !sum.Add(amount) {
		return amount
	}
	return sum.String()
}

// moving is what an entry adds to its statement's sum; empty where it does not.
func moving(e *statement.Entry) string {
	if e.Replaced || e.Status != "" {
		return ""
	}
	return e.Amount
}

// again keeps what an entry moves that has the FITID of one before it.
func (w *within) again(name naming, e *statement.Entry) {
	amount := moving(e)
	if amount == "" {
		return
	}
	if w.shared == nil {
		w.shared = map[naming][]string{}
	}
	w.shared[name] = append(w.shared[name], amount)
}

// replace marks an entry whose place another one before it takes, and has one that takes the place of others name what these move.
func (w *within) replace(e *statement.Entry, name naming) {
	e.Replaced = w.replaced[name] && e.Corrects != e.Reference
	if e.Corrects == "" {
		return
	}
	of := namingOf(e.Corrects)
	before, amounts := w.seen[of], w.shared[of]
	if before.moves != "" {
		amounts = append(amounts, before.moves)
		before.moves = ""
		w.seen[of] = before
	}
	if len(amounts) > 0 {
		e.Replaces = &statement.Replacement{Amounts: amounts}
	}
	delete(w.shared, of)
	if w.replaced == nil {
		w.replaced = map[naming]bool{}
	}
	w.replaced[of] = true
}
