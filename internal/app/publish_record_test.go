// The record of publications of an earlier version.

package app

import "testing"

// TestRecordOfEarlierVersion has a record that lacks columns which were added later: it is read without them, and publishing adds them.
func TestRecordOfEarlierVersion(t *testing.T) {
	forEachWarehouse(t, func(t *testing.T, a *App) {
		pay(t, a, "1 a 10.00")
		publishAll(t, a)
		changeWarehouse(t, a, "DROP VIEW bursar_freshness", "ALTER TABLE bursar_tables DROP COLUMN broken", "ALTER TABLE bursar_tables DROP COLUMN received")
		p := publisher(t, a)
		list, err := p.Status(t.Context())
		if err != nil || len(list) != 3 || list[0].Rows != 1 || list[0].Behind {
			t.Fatalf("%+v, %v", list, err)
		}
		changeWarehouse(t, a, "DELETE FROM events_payments")
		if v, err := p.Verify(t.Context(), "events_payments"); err != nil || v.Missing != 1 {
			t.Errorf("%+v, %v", v, err)
		}
		wantAnswer(t, a, "SELECT broken FROM bursar_tables WHERE table_name = 'events_payments'", "1")
		if _, err := p.Again(t.Context(), "events_payments"); err != nil {
			t.Fatal(err)
		}
		pay(t, a, "2 b 20.00")
		checkVerified(t, a)
		wantAnswer(t, a, "SELECT broken, received IS NULL FROM bursar_tables WHERE table_name = 'events_payments'", "0|false")
	})
}
