// Tests of the rejected rows that a dry run lists.

package intake_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"bursar/internal/event/intake"
)

// TestDryRunReasons: a dry run lists the first ten rejected rows, and counts the others by column and reason, whatever their values are.
func TestDryRunReasons(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	var rows strings.Builder
	rows.WriteString(sale("kept", "sale", "1.00", "EUR"))
	for i := range 15 {
		rows.WriteString(sale(fmt.Sprint("g", i), fmt.Sprint("gift", i), "2.00", "EUR"))
	}
	for i := range 4 {
		rows.WriteString(sale(fmt.Sprint("a", i), "sale", fmt.Sprintf("%d.001", i), "EUR"))
	}
	rows.WriteString(sale("kept", "sale", "9.00", "EUR") + "[]\n\n \"x\"\n")
	path := h.File("a.jsonl", rows.String())
	dry, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{path}, intake.Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(dry.Rejected) != 10 {
		t.Fatalf("%d rows are listed", len(dry.Rejected))
	}
	want := intake.Rejection{File: path, Row: 2, Column: "kind", Reason: `"gift0" is not one of the declared values`}
	if dry.Rejected[0] != want {
		t.Errorf("the first row is %+v", dry.Rejected[0])
	}
	more := []intake.RejectedMore{
		{Column: "kind", Reason: "is not one of the declared values", Rows: 5},
		{Column: "amount", Reason: "does not fit decimal(18,2): it has more decimals", Rows: 4},
		{Reason: "conflict: this id was accepted before with other values", Rows: 1},
		{Reason: "malformed JSON: a line must be an object", Rows: 2},
	}
	if !reflect.DeepEqual(dry.RejectedMore, more) {
		t.Errorf("the others are %+v", dry.RejectedMore)
	}
	sealed, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{path}, intake.Options{})
	if err != nil || sealed.Rejected != nil || sealed.RejectedMore != nil {
		t.Errorf("rows in quarantine are listed twice: %+v, %v", sealed, err)
	}
}

// TestDryRunManyReasons bounds the reasons by which rejected rows are counted.
func TestDryRunManyReasons(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	var rows strings.Builder
	for i := range 50 {
		fmt.Fprintf(&rows, "{%q:1,%q:1}\n", "type", "type")             // given twice
		fmt.Fprintf(&rows, "{\"%s\":1}\n", strings.Repeat("n", 5000+i)) // a name of its own length
	}
	dry, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("a.jsonl", rows.String())}, intake.Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	total := int64(len(dry.Rejected))
	for _, m := range dry.RejectedMore {
		total += m.Rows
	}
	if last := dry.RejectedMore[len(dry.RejectedMore)-1]; len(dry.RejectedMore) != 21 || last.Reason != "other reasons" || total != 100 {
		t.Errorf("%d reasons of %d rows, the last %+v", len(dry.RejectedMore), total, last)
	}
}
