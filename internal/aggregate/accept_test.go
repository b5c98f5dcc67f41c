// Tests acceptances of intervals, whose names do not depend on wording.

package aggregate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/identity"
	"bursar/internal/catalog"
)

// stated is an MT940 statement of an account and a day of March 2024, without entries.
func stated(account string, day int) string {
	return fmt.Sprintf(":20:S\n:25:%s\n:28C:%d\n:60F:C2403%02dEUR1,\n:62F:C2403%02dEUR1,\n-\n", account, day, day, day)
}

// of lists the intervals of an account with the names of those that can be accepted, and counts the stale acceptances.
func (h *fixture) of(account string) (is string, names []string, stale int) {
	h.Helper()
	list, err := h.completeness().Judge(h.Context(), completeness.Query{}, func(a completeness.Account) error {
		if a.Account == account {
			is = states(a.Intervals)
			for _, i := range a.Intervals {
				if i.State == completeness.Broken || i.State == completeness.Unknown {
					names = append(names, i.Name)
				}
			}
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return is, names, len(list)
}

func (h *fixture) accepts(name string) completeness.Acceptance {
	h.Helper()
	a, err := h.completeness().Accept(h.Context(), name, "known", "", time.Date(2024, 4, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		h.Fatal(err)
	}
	return a
}

// isOf compares the intervals of an account and the number of stale acceptances.
func (h *fixture) isOf(account, want string, stale int) {
	h.Helper()
	if is, _, n := h.of(account); is != want || n != stale {
		h.Errorf("%s is %s with %d stale acceptances, want %s with %d", account, is, n, want, stale)
	}
}

// TestAcceptedDays accepts days without statements; they stay accepted whatever is imported of other accounts and of
// the days before and after.
func TestAcceptedDays(t *testing.T) {
	t.Parallel()
	for _, former := range []bool{false, true} {
		t.Run(fmt.Sprint("former ", former), func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "daily")
			h.send(stated("A1", 4), stated("A2", 8))
			h.isOf("A1", "4 PROVEN, 5–8 UNKNOWN", 0)
			_, names, _ := h.of("A1")
			accepted := h.accepts(names[0])
			if former {
				h.recordFormerAcceptance(accepted, "A1")
			}
			h.isOf("A1", "4 PROVEN, 5–8 CLAIMED", 0)
			h.send(stated("A2", 10))
			h.isOf("A1", "4 PROVEN, 5–8 CLAIMED, 9–10 UNKNOWN", 0)
			h.send(stated("A1", 6))
			h.isOf("A1", "4 PROVEN, 5 CLAIMED, 6 PROVEN, 7–8 CLAIMED, 9–10 UNKNOWN", 0)
			h.send(stated("A1", 2))
			h.isOf("A1", "2 PROVEN, 3 UNKNOWN, 4 PROVEN, 5 CLAIMED, 6 PROVEN, 7–8 CLAIMED, 9–10 UNKNOWN", 0)
			h.isOf("A2", "8 PROVEN, 9 UNKNOWN, 10 PROVEN", 0)
			_, names, _ = h.of("A1")
			h.accepts(names[1])
			h.isOf("A1", "2 PROVEN, 3 UNKNOWN, 4 PROVEN, 5 CLAIMED, 6 PROVEN, 7–8 CLAIMED, 9–10 CLAIMED", 0)
			h.send(stated("A1", 5), stated("A1", 7), stated("A1", 8))
			h.isOf("A1", "2 PROVEN, 3 UNKNOWN, 4 PROVEN, 5 PROVEN, 6 PROVEN, 7 PROVEN, 8 PROVEN, 9–10 CLAIMED", 1)
		})
	}
}

// recordFormerAcceptance records an acceptance of days as an earlier version did.
func (h *fixture) recordFormerAcceptance(a completeness.Acceptance, account string) {
	h.Helper()
	err := h.importer.Catalog.Update(h.Context(), func(tx catalog.Tx) error {
		if err := tx.Delete("statements/accepted/" + a.Statement); err != nil {
			return err
		}
		a.Statement = formerNameOf(account, &completeness.Interval{From: a.From, To: a.To, State: a.Was, Reason: a.Why})
		return tx.Put("statements/accepted/"+a.Statement, a)
	})
	if err != nil {
		h.Fatal(err)
	}
}

// formerNameOf is the name that earlier versions give to an interval of an account in euros.
func formerNameOf(account string, i *completeness.Interval) string {
	all := identity.Of("interval", "", account, "EUR", i.Kind, i.Number, i.From, i.To, string(i.State), i.Reason, i.Amount, i.Object, i.Place)
	return identity.Nth(all, 1).String()[:16]
}

// TestAcceptedDaysBeforeFirstStatement accepts days of an account before its first statement is imported; they stay accepted after that.
func TestAcceptedDaysBeforeFirstStatement(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.declare("institution: bank\naccounts: [A1, A2]\nstatements: {calendar: daily, since: 2024-03-02}\n")
	h.send(stated("A2", 5))
	h.isOf("A1", "2–5 UNKNOWN", 0)
	_, names, _ := h.of("A1")
	h.accepts(names[0])
	h.isOf("A1", "2–5 CLAIMED", 0)
	h.send(stated("A1", 7))
	h.isOf("A1", "2–5 CLAIMED, 6 UNKNOWN, 7 PROVEN", 0)
}

// TestFormerAcceptanceNames finds acceptances of earlier versions, and withdraws them by each of their names.
func TestFormerAcceptanceNames(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.send(strings.Replace(corrected, "C25,", "C26,", 1))
	name := func() (i completeness.Interval) { return h.judged("")[0].Intervals[0] }
	i := name()
	formerName := formerNameOf("NL91ABNA0417164300", &i)
	if i.State != completeness.Broken || i.Name == "" || formerName == "" || i.Name == formerName {
		t.Fatalf("it is %+v", i)
	}
	for _, by := range []string{i.Name, formerName, i.Number} {
		h.accepts(by)
		if is := name(); is.State != completeness.Claimed || is.Name != i.Name {
			t.Errorf("accepted by %s, it is %+v", by, is)
		}
		if _, err := h.completeness().Accept(t.Context(), by, "again", "", time.Now()); err == nil || !strings.Contains(err.Error(), "already accepted") {
			t.Errorf("accepted by %s once more: %v", by, err)
		}
		if _, err := h.completeness().Undo(t.Context(), by); err != nil || name().State != completeness.Broken {
			t.Errorf("undone by %s: %v, %+v", by, err, name())
		}
	}
	err := h.importer.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		return tx.Put("statements/accepted/"+formerName, completeness.Acceptance{Statement: formerName, Account: "NL91ABNA0417164300", From: i.From, To: i.To, Was: completeness.Broken, Why: i.Reason})
	})
	if is := name(); err != nil || is.State != completeness.Claimed || is.Name != formerName {
		t.Errorf("accepted by an earlier version, it is %+v, %v", is, err)
	}
	if _, err := h.completeness().Undo(t.Context(), i.Number); err != nil || name().State != completeness.Broken {
		t.Errorf("undone by its number: %v, %+v", err, name())
	}
}
