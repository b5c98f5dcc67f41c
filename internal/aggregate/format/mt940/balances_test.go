// Checks the entries of the recorded files against their balances.

package mt940_test

import (
	"bytes"
	"testing"

	"bursar/internal/aggregate/format/mt940"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// unbalanced are the recorded files of one statement with both balances whose entries do not match: they were
// shortened or altered when they were recorded.
var unbalanced = map[string]bool{
	"mBank/with_newline_in_tnr.sta": true, "self-provided/details_60-63.sta": true, "self-provided/malformed_details.sta": true,
	"self-provided/overly_long_details.sta": true, "self-provided/raiffeisen-cmi.sta": true, "self-provided/whitespace.sta": true,
}

// TestEntriesMatchBalances checks that the opening balance and the entries add up to the closing balance, so that
// every entry is read with its sign and its decimals.
func TestEntriesMatchBalances(t *testing.T) {
	t.Parallel()
	balanced := 0
	for name, text := range recordedFiles(t) {
		r := statementtest.NewRecorder(t)
		if err := mt940.Read(bytes.NewReader(text), r); err != nil {
			continue // TestGolden checks which are refused
		}
		for i := range r.Statements {
			difference, ok := closingDifference(t, &r.Statements[i])
			if !ok {
				continue
			}
			balanced++
			if (difference.Sign() != 0) != unbalanced[name] {
				t.Errorf("%s, statement %d: the closing balance is off by %s", name, i+1, &difference)
			}
		}
	}
	if balanced != 20 {
		t.Errorf("%d statements have both balances, want 20", balanced)
	}
}

// closingDifference returns the closing balance minus the opening balance and the entries; ok is false if a balance
// is missing.
func closingDifference(t *testing.T, s *statementtest.Statement) (difference statement.Sum, ok bool) {
	t.Helper()
	var opening, closing string
	for _, b := range s.Balances {
		switch {
		case b.Code == statement.OpeningBooked || b.Subtype == "60M":
			opening = b.Amount
		case b.Code == statement.ClosingBooked || b.Subtype == "62M":
			closing = b.Amount
		}
	}
	if !difference.Add(closing) || !difference.Add(statement.Negate(opening)) {
		return difference, false
	}
	for i := range s.Entries {
		if !difference.Add(statement.Negate(s.Entries[i].Amount)) {
			t.Errorf("not a valid amount: %s", s.Entries[i].Amount)
		}
	}
	return difference, true
}
