// Tests reversals in CAMT with either direction.

package aggregate

import (
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// TestReversals has reversals with the direction of their effect, and with that of the reversed entry.
func TestReversals(t *testing.T) {
	t.Parallel()
	const reversed = `<RvslInd>true</RvslInd>`
	const declare = "if the bank writes them so, declare `reversals: original` for the institution"
	const undeclare = "`reversals: original` is declared for the institution"
	back := camtEntry("20", "DBIT", reversed)
	of := `<NtryDtls><TxDtls><Amt Ccy="EUR">20</Amt></TxDtls></NtryDtls>`
	for name, c := range map[string]struct {
		declared         bool
		entries, closing string
		state            completeness.State
		message          string
		amounts          string
	}{
		"own":                      {false, back, "980", completeness.Proven, "", "-20.00000"},
		"the original's":           {false, back, "1020", completeness.Broken, "opening 1000.00 and 1 entries of -20.00 make 980.00, the closing balance is 1020: 40.00 is missing; with its reversals read by the direction of the entries that they take back it would hold: " + declare, "-20.00000"},
		"the original's, declared": {true, back, "1020", completeness.Proven, "", "20.00000"},
		"own, declared":            {true, back, "980", completeness.Broken, "-40.00 is missing; with its reversals read by their own direction it would hold: " + undeclare, "20.00000"},
		"beside others":            {true, back + camtEntry("5", "DBIT", "") + camtEntry("3", "CRDT", reversed), "1012", completeness.Proven, "", "-3.00000|-5.00000|20.00000"},
		"with its transaction":     {true, camtEntry("20", "DBIT", reversed+of), "1020", completeness.Proven, "", "20.00000"},
		"neither":                  {false, back, "1021", completeness.Broken, "the closing balance is 1021: 41.00 is missing", "-20.00000"},
		"no reversal":              {false, camtEntry("20", "DBIT", ""), "1020", completeness.Broken, "the closing balance is 1020: 40.00 is missing", "-20.00000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statements := "daily"
			if c.declared {
				statements += "\nreversals: original"
			}
			h := newFixture(t, statements)
			h.send(camtWith(c.closing, c.entries))
			got := h.judged("")[0].Intervals[0]
			amounts := strings.Join(h.stored("entries", "amount"), "|")
			if got.State != c.state || !strings.HasSuffix(got.Reason, c.message) || c.message == "" && got.Reason != "" || amounts != c.amounts {
				t.Errorf("%s %q, entries %s", got.State, got.Reason, amounts)
			}
			for _, amount := range h.stored("details", "amount") {
				if amount != "20.00000" {
					t.Errorf("the transaction is %s", amount)
				}
			}
		})
	}
}
