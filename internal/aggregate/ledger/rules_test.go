// Tests of each rule: what becomes of transactions, step by step.

package ledger

import (
	"strings"
	"testing"
)

// step is one fetch or decision, and what is then known.
type step struct {
	do      string // changes, or "accept", "reject", or "undo ID"
	want    string
	verdict string // of EUR; empty: not checked
	open    int    // suggestions
}

var ruleCases = []struct {
	name  string
	steps []step
}{
	{"same id", []step{
		{"p1 pending -5 2 party=Shell", "p1 pending -5.00", "CLAIMED", 0},
		{"p1 posted -5.50 3 party=Shell", "p1 posted -5.50", "CLAIMED", 0},
		{"p1 posted -5.60 3 party=Shell", "p1 posted -5.60", "CLAIMED", 0},
	}},
	{"stated link with a tip", []step{
		{"p1 pending -50 2 party=Roma", "p1 pending -50.00", "", 0},
		{"t1 posted -58 3 party=ROMA_SRL replaces=p1; removed p1", "p1+t1 posted -58.00", "", 0},
		{"removed p1", "p1+t1 posted -58.00", "", 0},
	}},
	{"stated link to what was never seen", []step{
		{"t1 posted -58 3 party=Roma replaces=p1", "p1+t1 posted -58.00", "", 0},
		{"p1 pending -50 2 party=Roma", "p1+t1 posted -58.00", "", 0},
	}},
	{"stated link that comes later", []step{
		{"p1 pending -50 2 party=Roma; t1 posted -58 3 party=Rome", "p1 pending -50.00, t1 posted -58.00", "", 0},
		{"t1 posted -58 3 party=Rome replaces=p1", "p1+t1 posted -58.00", "", 0},
		{"undo p1", "p1 pending -50.00, t1 posted -58.00", "", 0},
		{"t1 posted -58 3 party=Rome replaces=p1", "p1 pending -50.00, t1 posted -58.00", "", 0},
	}},
	{"stated link against a conclusion", []step{
		{"p1 pending -5 2 party=Bar", "p1 pending -5.00", "", 0},
		{"t1 posted -5 3 party=Bar", "p1+t1 posted -5.00", "", 0},
		{"t2 posted -6 4 party=Bar replaces=p1", "p1+t2 posted -6.00, t1 posted -5.00", "", 0},
	}},
	{"two stated links to one", []step{
		{"p1 pending -90 2 party=Hotel", "p1 pending -90.00", "", 0},
		{"t1 posted -60 3 party=Hotel replaces=p1; t2 posted -30 3 party=Hotel replaces=p1", "p1+t1 posted -60.00, t2 posted -30.00", "", 0},
	}},
	{"exact without a link", []step{
		{"p1 pending -5 2 party=Shell text=Fuel", "p1 pending -5.00", "", 0},
		{"t1 posted -5 4 party=SHELL text=fuel", "p1+t1 posted -5.00", "", 0},
		{"undo p1", "p1 pending -5.00, t1 posted -5.00", "", 0},
	}},
	{"exact, but too late", []step{
		{"p1 pending -5 2 party=Shell", "p1 pending -5.00", "", 0},
		{"t1 posted -5 10 party=Shell", "p1 pending -5.00, t1 posted -5.00", "", 0},
	}},
	{"exact, but made on another day", []step{
		{"p1 pending -5 2 party=Shell", "p1 pending -5.00", "", 0},
		{"t1 posted -5 4 party=Shell made=3", "p1 pending -5.00, t1 posted -5.00", "", 0},
	}},
	{"exact, and still listed as pending", []step{
		{"complete; p1 pending -5 2 party=Shell", "p1 pending -5.00", "", 0},
		{"complete; p1 pending -5 2 party=Shell; t1 posted -5 2 party=Shell", "p1 pending -5.00, t1 posted -5.00", "", 0},
	}},
	{"exact after it vanished", []step{
		{"complete; p1 pending -5 2 party=Shell", "p1 pending -5.00", "", 0},
		{"complete", "p1 vanished -5.00", "", 0},
		{"complete; t1 posted -5 4 party=Shell", "p1+t1 posted -5.00", "", 0},
		{"undo p1", "p1 vanished -5.00, t1 posted -5.00", "", 0},
	}},
	{"two equal ones are posted", []step{
		{"complete; p1 pending -5 2 party=Bar; p2 pending -5 3 party=Bar", "p1 pending -5.00, p2 pending -5.00", "", 0},
		{"complete; t1 posted -5 4 party=Bar; t2 posted -5 5 party=Bar", "p1+t1 posted -5.00, p2+t2 posted -5.00", "", 0},
	}},
	{"one of two equal ones is posted", []step{
		{"p1 pending -5 2 party=Bar; p2 pending -5 3 party=Bar", "p1 pending -5.00, p2 pending -5.00", "", 0},
		{"t1 posted -5 4 party=Bar", "p1 pending -5.00, p2 pending -5.00, t1 posted -5.00", "", 1},
		{"accept", "p1 pending -5.00, p2+t1 posted -5.00", "", 0},
		{"undo p2", "p1 pending -5.00, p2 pending -5.00, t1 posted -5.00", "", 0},
	}},
	{"the gone one of two equal ones is posted", []step{
		{"p1 pending -5 2 party=Bar; p2 pending -5 3 party=Bar", "p1 pending -5.00, p2 pending -5.00", "", 0},
		{"t1 posted -5 4 party=Bar; removed p2", "p1 pending -5.00, p2+t1 posted -5.00", "", 0},
	}},
	{"posted with a tip, accepted", []step{
		{"complete; p1 pending -50 2 party=Roma", "p1 pending -50.00", "", 0},
		{"complete; t1 posted -58 4 party=Roma", "p1 vanished -50.00, t1 posted -58.00", "", 1},
		{"accept", "p1+t1 posted -58.00", "", 0},
		{"complete; t1 posted -58 4 party=Roma", "p1+t1 posted -58.00", "", 0},
	}},
	{"posted with a tip, rejected", []step{
		{"complete; p1 pending -50 2 text=Roma_Milano_99", "p1 pending -50.00", "", 0},
		{"complete; t1 posted -58 4 text=Roma_Trattoria", "p1 vanished -50.00, t1 posted -58.00", "", 1},
		{"reject", "p1 vanished -50.00, t1 posted -58.00", "", 0},
		{"complete; t1 posted -58 4 text=Roma_Trattoria", "p1 vanished -50.00, t1 posted -58.00", "", 0},
	}},
	{"too different for a suggestion", []step{
		{"p1 pending -50 2 party=Roma; p2 pending -7 2 party=Bar; p3 pending 9 2 party=Cafe", "p1 pending -50.00, p2 pending -7.00, p3 pending 9.00", "", 0},
		{
			"t1 posted -61 4 party=Roma; t2 posted -7 4 party=Shop; t3 posted -9 2 party=Cafe",
			"p1 pending -50.00, p2 pending -7.00, p3 pending 9.00, t1 posted -61.00, t2 posted -7.00, t3 posted -9.00", "", 0,
		},
	}},
	{"removed", []step{
		{"p1 pending -5 2; t1 posted -7 2; balance 93 2", "p1 pending -5.00, t1 posted -7.00", "CLAIMED", 0},
		{"removed p1 t1; balance 100 3", "p1 vanished -5.00, t1 vanished -7.00", "PROVEN", 0},
		{"t1 posted -7 2; balance 93 4", "p1 vanished -5.00, t1 posted -7.00", "PROVEN", 0},
	}},
	{"removed and added", []step{
		{"t1 posted -7 2 party=Bar; t2 posted -7 2 party=Bar; t3 posted -7 3 party=Bar", "t1 posted -7.00, t2 posted -7.00, t3 posted -7.00", "", 0},
		{"removed t1 t2 t3; u1 posted -7 2 party=Bar; u2 posted -7 2 party=BAR", "t1+u1 posted -7.00, t2+u2 posted -7.00, t3 vanished -7.00", "", 0},
		{"undo t1", "t1 vanished -7.00, t2+u2 posted -7.00, t3 vanished -7.00, u1 posted -7.00", "", 0},
	}},
	{"missing in a complete list", []step{
		{"complete; t0 posted -1 2/27; t1 posted -7 2; p1 pending -3 5", "p1 pending -3.00, t0 posted -1.00, t1 posted -7.00", "", 0},
		{"complete 4 31", "p1 vanished -3.00, t0 posted -1.00, t1 posted -7.00", "", 0},
		{"partial; complete", "p1 vanished -3.00, t0 posted -1.00, t1 posted -7.00", "UNKNOWN", 0},
		{"complete", "p1 vanished -3.00, t0 posted -1.00, t1 vanished -7.00", "", 0},
		{"complete; t1 posted -7 2; p1 pending -3 5", "p1 pending -3.00, t0 posted -1.00, t1 posted -7.00", "", 0},
	}},
	{"re-issued in a complete list", []step{
		{"complete; t1 posted -7 2 party=Bar; t2 posted -8 2 party=Bar; p1 pending -3 5 party=Bar; balance 85 5", "p1 pending -3.00, t1 posted -7.00, t2 posted -8.00", "CLAIMED", 0},
		{"complete; u1 posted -7 2 party=Bar; u2 posted -8 2 party=Bar; q1 pending -3 5 party=Bar; balance 85 6", "p1+q1 pending -3.00, t1+u1 posted -7.00, t2+u2 posted -8.00", "PROVEN", 0},
		{"complete; t1 posted -7 2 party=Bar; u2 posted -8 2 party=Bar; q1 pending -3 5 party=Bar", "p1+q1 pending -3.00, t2+u2 posted -8.00, u1+t1 posted -7.00", "", 0},
		{"complete; t1 posted -7 2 party=Bar; u1 posted -7 2 party=Bar; u2 posted -8 2 party=Bar", "p1+q1 vanished -3.00, t1 posted -7.00, t2+u2 posted -8.00, u1 posted -7.00", "", 0},
	}},
	{"re-issued after an empty list", []step{
		{"complete; t1 posted -7 2 party=Bar", "t1 posted -7.00", "", 0},
		{"complete", "t1 vanished -7.00", "", 0},
		{"complete; u1 posted -7 2 party=Bar", "t1+u1 posted -7.00", "", 0},
	}},
	{"equal content and a balance that counts both", []step{
		{"t1 posted -7 2 party=Bar; balance 93 2", "t1 posted -7.00", "CLAIMED", 0},
		{"t2 posted -7 2 party=Bar; balance 86 2", "t1 posted -7.00, t2 posted -7.00", "PROVEN", 0},
	}},
	{"equal content and a balance that counts one", []step{
		{"t1 posted -7 2 party=Bar; balance 93 2", "t1 posted -7.00", "CLAIMED", 0},
		{"t2 posted -7 2 party=Bar; t3 posted -1 3; balance 92 3", "t1+t2 posted -7.00, t3 posted -1.00", "PROVEN", 0},
		{"t1 posted -7 2 party=Bar; t2 posted -7 2 party=Bar; balance 92 3", "t1 posted -7.00, t2 posted -7.00, t3 posted -1.00", "BROKEN", 0},
	}},
	{"equal content without a balance, decided by the next one", []step{
		{"t1 posted -7 2 party=Bar; balance 93 2", "t1 posted -7.00", "CLAIMED", 0},
		{"t2 posted -7 2 party=Bar", "t1 posted -7.00, t2 posted -7.00", "UNKNOWN", 1},
		{"balance 93 3", "t1+t2 posted -7.00", "PROVEN", 0},
	}},
	{"equal content without a balance, both counted by the next one", []step{
		{"t1 posted -7 2 party=Bar; balance 93 2", "t1 posted -7.00", "CLAIMED", 0},
		{"t2 posted -7 2 party=Bar", "t1 posted -7.00, t2 posted -7.00", "UNKNOWN", 1},
		{"balance 86 3", "t1 posted -7.00, t2 posted -7.00", "PROVEN", 0},
	}},
	{"equal content that no balance decides", []step{
		{"t1 posted -7 2 party=Bar; t2 posted 7 2 party=Bar; t3 posted 1 3; balance 101 3", "t1 posted -7.00, t2 posted 7.00, t3 posted 1.00", "CLAIMED", 0},
		{"u1 posted -7 2 party=Bar; u2 posted 7 2 party=Bar; balance 101 4", "t1 posted -7.00, t2 posted 7.00, t3 posted 1.00, u1 posted -7.00, u2 posted 7.00", "UNKNOWN", 2},
		{"accept", "t1 posted -7.00, t2+u2 posted 7.00, t3 posted 1.00, u1 posted -7.00", "UNKNOWN", 1},
		{"accept", "t1+u1 posted -7.00, t2+u2 posted 7.00, t3 posted 1.00", "PROVEN", 0},
		{"undo t1", "t1 posted -7.00, t2+u2 posted 7.00, t3 posted 1.00, u1 posted -7.00", "BROKEN", 0},
	}},
	{"everything is listed again under new ids", []step{
		{"t1 posted -7 2 party=Bar; t2 posted 7 2 party=Bar; t3 posted 1 3; p1 pending 2 3; balance 101 3", "p1 pending 2.00, t1 posted -7.00, t2 posted 7.00, t3 posted 1.00", "CLAIMED", 0},
		{
			"u1 posted -7 2 party=Bar; u2 posted 7 2 party=Bar; u3 posted 1 3; u4 posted 5 4; q1 pending 2 3; balance 106 4",
			"p1+q1 pending 2.00, t1+u1 posted -7.00, t2+u2 posted 7.00, t3+u3 posted 1.00, u4 posted 5.00", "PROVEN", 0,
		},
	}},
	{"balances", []step{
		{"t1 posted -7 2; balance 93 2", "t1 posted -7.00", "CLAIMED", 0},
		{"balance 93 3", "t1 posted -7.00", "PROVEN", 0},
		{"balance 92 4", "t1 posted -7.00", "BROKEN", 0},
		{"t2 posted -1 4", "t1 posted -7.00, t2 posted -1.00", "CLAIMED", 0},
		{"t3 posted -1 5; balance 92 4", "t1 posted -7.00, t2 posted -1.00, t3 posted -1.00", "PROVEN", 0},
		{"balance 95 3", "t1 posted -7.00, t2 posted -1.00, t3 posted -1.00", "UNKNOWN", 0},
		{"complete 1 5; t1 posted -7 2; t2 posted -1 4; t3 posted -1 5; balance 95 6", "t1 posted -7.00, t2 posted -1.00, t3 posted -1.00", "UNKNOWN", 0},
		{"t4 posted abc 5; balance 95 6", "t1 posted -7.00, t2 posted -1.00, t3 posted -1.00", "UNKNOWN", 0},
	}},
	{"older history", []step{
		{"t1 posted -7 2; balance 93 2", "t1 posted -7.00", "CLAIMED", 0},
		{"t0 posted -9 1; balance 93 3", "t0 posted -9.00, t1 posted -7.00", "PROVEN", 0},
		{"tb posted -2 2/20; balance 91 4", "t0 posted -9.00, t1 posted -7.00, tb posted -2.00", "PROVEN", 0},
		{"removed tb; balance 93 5", "t0 posted -9.00, t1 posted -7.00, tb vanished -2.00", "PROVEN", 0},
	}},
	{"two currencies", []step{
		{"t1 posted -7 2; t2 posted -5 2 currency=USD; balance 93 2; balance 10 2 USD", "t1 posted -7.00, t2 posted -5.00", "CLAIMED", 0},
		{"t3 posted -1 3 currency=USD; balance 93 3; balance 9 3 USD", "t1 posted -7.00, t2 posted -5.00, t3 posted -1.00", "PROVEN", 0},
		{"t1 posted -7 2 currency=USD; balance 100 4; balance 2 4 USD", "t1 posted -7.00, t2 posted -5.00, t3 posted -1.00", "PROVEN", 0},
	}},
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range ruleCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			for i, s := range c.steps {
				switch verb, rest, _ := strings.Cut(s.do, " "); verb {
				case "accept":
					f.decide(Accept, f.state.Open[len(f.state.Open)-1].ID)
				case "reject":
					f.decide(Reject, f.state.Open[0].ID)
				case "undo":
					f.undo(rest)
				default:
					f.apply(changesOf(t, s.do))
				}
				if got := f.describe(); got != s.want {
					t.Fatalf("step %d, %s:\n got %s\nwant %s", i+1, s.do, got, s.want)
				}
				if got := f.verdict("EUR"); s.verdict != "" && got != s.verdict {
					t.Fatalf("step %d, %s: %s instead of %s: %+v", i+1, s.do, got, s.verdict, f.last.Verdicts)
				}
				if got := len(f.state.Open); got != s.open {
					t.Fatalf("step %d, %s: %d suggestions instead of %d: %+v", i+1, s.do, got, s.open, f.state.Open)
				}
			}
		})
	}
}

// isDecision reports whether a step is a person's.
func isDecision(do string) bool {
	return do == "accept" || do == "reject" || strings.HasPrefix(do, "undo ")
}
