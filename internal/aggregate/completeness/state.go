// States of intervals, and the record of an account.

package completeness

import (
	"fmt"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
)

// State says how far the record of an account can be trusted for an interval.
type State string

// The states, the worst last.
const (
	Proven  State = "PROVEN"  // opening + entries = closing, the bank's counts and sums hold, and opening = the previous closing
	Claimed State = "CLAIMED" // the bank states nothing to check the entries against
	Unknown State = "UNKNOWN" // nothing was received
	Broken  State = "BROKEN"  // a total does not balance
)

// Interval is what is known of an account from one day to another, both included.
type Interval struct {
	From       string `json:"from"`
	To         string `json:"to"`
	State      State  `json:"state"`
	Reason     string `json:"reason,omitempty"` // what does not balance or is missing, with both figures
	Kind       string `json:"kind,omitempty"`   // of the message; empty for findings and gaps
	Number     string `json:"number,omitempty"`
	Opening    string `json:"opening,omitempty"` // booked
	Closing    string `json:"closing,omitempty"`
	Entries    int64  `json:"entries"`
	Amount     string `json:"amount,omitempty"` // signed sum of the entries
	Operations int64  `json:"operations"`
	File       string `json:"file,omitempty"` // that lists it
	Object     string `json:"object,omitempty"`
	Place      string `json:"place,omitempty"`

	Name       string      `json:"name,omitempty"`     // for accepting it, if it is BROKEN or UNKNOWN by its statements
	Accepted   *Acceptance `json:"accepted,omitempty"` // by a person; the state is CLAIMED then
	figures    string      // of the reason: see finding.digest
	formerName string      // the name in earlier versions
}

// Account is the record of one account.
type Account struct {
	Institution string        `json:"institution,omitempty"`
	Servicer    string        `json:"servicer,omitempty"`
	Account     string        `json:"account"`
	Currency    string        `json:"currency"`
	From        string        `json:"from"` // first and last day that a statement covers
	To          string        `json:"to"`
	States      map[State]int `json:"states"` // intervals by state
	Intervals   []Interval    `json:"intervals"`
	Superseded  []Superseded  `json:"superseded,omitempty"` // statements that a later version replaces
}

// storedStatement is a statement as it is stored in its stream.
type storedStatement struct {
	Interval
	page          string
	content       string // digest of its entries
	firstEntryDay string // day of its first booked entry, and below of its last; empty if it has none
	lastEntryDay  string
	closingDay    string // day of its closing balance
	totals        bool   // the bank states totals or balances
	fault         string // what does not balance in the statement itself
	faultDigest   string // see finding.digest; empty for a fault that is stored with the statement
	conflicts     bool   // rows of it in quarantine contradict stored rows
	pageFault     string // what does not balance on a page alone
	early         bool   // made before its last day had ended: another statement continues it
	hasPageBefore bool   // it continues another page
	hasPageAfter  bool   // another page continues it
	missingPages  string // the pages that are missing, in words
	label         string // by which its entries name it
	id            string
	format        string
	parts         []*storedStatement // the pages that it was joined from; nil for a single statement
}

// balanced reports whether the statement has both booked balances.
func (t *storedStatement) balanced() bool { return t.Opening != "" && t.Closing != "" }

// addsUp reports whether opening + entries = closing, for a statement with both balances.
func (t *storedStatement) addsUp() bool {
	return statement.Subtract(t.Closing, t.Opening) == statement.NormalAmount(t.Amount)
}

// reach is the days of the statement and its entries.
func (t *storedStatement) reach() span {
	s := span{from: t.From, to: max(t.To, t.lastEntryDay)}
	if t.firstEntryDay != "" {
		s.from = min(s.from, t.firstEntryDay)
	}
	return s
}

// finding is something that does not balance. The zero value is nothing.
type finding struct {
	text   string
	digest string // of its kind and figures, independent of the wording
}

// newFinding makes a finding of a kind, with its figures formatted into words.
func newFinding(kind, format string, figures ...any) finding {
	return finding{fmt.Sprintf(format, figures...), findingDigest(kind, figures...)}
}

func findingDigest(kind string, figures ...any) string {
	texts := []string{kind}
	for _, f := range figures {
		texts = append(texts, fmt.Sprint(f))
	}
	return identity.Of(texts...).String()
}
