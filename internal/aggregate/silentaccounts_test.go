// Tests accounts of which nothing more is expected, or nothing was received.

package aggregate

import (
	"testing"

	"bursar/internal/aggregate/format/statement"
)

// TestAccountsWithoutStatements reports accounts that are declared and of which nothing was imported.
func TestAccountsWithoutStatements(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "daily")
	bank := h.importer.Project.Institutions[0]
	bank.Accounts = []string{"A1", "A2", "B*"}
	if silent := h.judged(day(9)); len(silent) != 0 {
		t.Errorf("without a first day nothing is expected yet: %+v", silent)
	}
	h.send(camtOf(sheet{account: "A1", from: day(3), to: day(3), number: "1", name: "m", opened: day(3)}), camtOf(sheet{account: "A1", from: day(5), to: day(5), number: "3", name: "n", opened: day(5)}))
	bank.Statements.Since = statement.ParseDay(day(2))
	accounts := h.judged("")
	if len(accounts) != 2 || accounts[1].Account != "A2" || accounts[1].Institution != "bank" {
		t.Fatalf("accounts are %+v", accounts)
	}
	if got := states(accounts[0].Intervals); got != "2 UNKNOWN, 3 PROVEN, 4 UNKNOWN, 5 PROVEN" {
		t.Errorf("A1 is %s", got)
	}
	if got := states(accounts[1].Intervals); got != "2–5 UNKNOWN" {
		t.Errorf("A2 is %s", got)
	}
}

// TestClosedAccount expects no statement of an account after the day on which it was closed, unless it has one.
func TestClosedAccount(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.send(camtOf(sheetOf("1", 4, 1000, items(4, 5)...)))
	account := h.judged("")[0].Account
	declare := func(closed string) {
		h.declare("institution: bank\naccounts: [" + account + "]\nstatements: daily\n" + closed)
	}
	closed := "closed: {" + account + ": 2024-03-05}\n"
	for _, c := range []struct{ declared, send, want string }{
		{"", "", "4 PROVEN, 5–8 UNKNOWN"},
		{closed, "", "4 PROVEN, 5 UNKNOWN"},
		{closed, camtOf(sheetOf("2", 5, 1005, items(5, -1005)...)), "4 PROVEN, 5 PROVEN"},
		{closed, camtOf(sheetOf("4", 7, 0, items(7, 1)...)), "4 PROVEN, 5 PROVEN, 6 UNKNOWN, 7 PROVEN"},
	} {
		declare(c.declared)
		if c.send != "" {
			h.send(c.send)
		}
		if got := states(h.judged("2024-03-08")[0].Intervals); got != c.want {
			t.Errorf("%q: %s, want %s", c.declared, got, c.want)
		}
	}
}
