// How far an account's record can be trusted.

package aggregate

// State says how far the record of an account and an interval can be trusted.
type State string

// The states, the worst last.
const (
	Proven  State = "PROVEN"  // opening + entries = closing, the bank's counts and sums hold, and opening = the previous closing
	Claimed State = "CLAIMED" // the bank gives nothing to hold the entries against
	Unknown State = "UNKNOWN" // nothing was received
	Broken  State = "BROKEN"  // a total does not hold
)

// Interval is what is known of an account from one day to another, both included.
type Interval struct {
	From       string `json:"from"`
	To         string `json:"to"`
	State      State  `json:"state"`
	Reason     string `json:"reason,omitempty"` // what does not hold or is missing, with both figures
	Kind       string `json:"kind,omitempty"`   // of the message; empty where there is none
	Number     string `json:"number,omitempty"`
	Opening    string `json:"opening,omitempty"` // booked
	Closing    string `json:"closing,omitempty"`
	Entries    int64  `json:"entries"`
	Amount     string `json:"amount,omitempty"` // signed sum of the entries
	Operations int64  `json:"operations"`
	File       string `json:"file,omitempty"` // that told it
	Object     string `json:"object,omitempty"`
	Place      string `json:"place,omitempty"`

	Name       string      `json:"name,omitempty"`     // by which it can be accepted, where it is BROKEN or UNKNOWN by its statements
	Accepted   *Acceptance `json:"accepted,omitempty"` // by a person; it is CLAIMED then
	figures    string      // what does not hold, and its figures, as finding.says
	formerName string      // the name that earlier versions give it
}

// Account is the record of one account.
type Account struct {
	Institution string        `json:"institution,omitempty"`
	Servicer    string        `json:"servicer,omitempty"`
	Account     string        `json:"account"`
	Currency    string        `json:"currency"`
	From        string        `json:"from"` // first and last day that a statement speaks of
	To          string        `json:"to"`
	States      map[State]int `json:"states"` // intervals by state
	Intervals   []Interval    `json:"intervals"`
	Superseded  []Superseded  `json:"superseded,omitempty"` // statements in whose place later versions are judged
}

// storedStatement is a statement as its event tells it.
type storedStatement struct {
	Interval
	page          string
	content       string // digest of its entries
	firstEntryDay string // day of its first entry that is booked, and of its last; empty if it has none
	lastEntryDay  string
	closingDay    string // that its closing balance is of
	totals        bool   // the bank states totals or balances
	fault         string // what does not hold in the statement itself
	faultDigest   string // as finding.says, where it is not stored with the statement
	conflicts     bool   // rows of it in quarantine say something else than what is stored
	pageFault     string // what does not hold on a page by itself
	early         bool   // made before its last day had ended: another one goes on where it stops
	hasPageBefore bool   // it goes on from another page
	hasPageAfter  bool   // another page goes on from it
	missingPages  string // the page that is missing
	label         string // by which its entries name it
	id            string
	format        string
	parts         []*storedStatement // the pages that it was joined from; none where it is one
}

// balanced reports whether the statement has both booked balances.
func (t *storedStatement) balanced() bool { return t.Opening != "" && t.Closing != "" }

// addsUp reports whether opening + entries = closing, of a statement that has both.
func (t *storedStatement) addsUp() bool {
	return difference(t.Closing, t.Opening) == trimAmount(t.Amount)
}
