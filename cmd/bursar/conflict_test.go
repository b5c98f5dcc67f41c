// Rows in quarantine whose id was accepted before with other values.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConflictNamesItsColumns shows of each conflict which columns differ, and both values; the accepted event may itself have come out of
// quarantine.
func TestConflictNamesItsColumns(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", file(t, dir, "first.jsonl", good("a")+badRow), "--project", dir)
	rewrite(t, dir, "streams/payments.yaml", "in: [shipment,", "in: [gift, shipment,")
	must(t, 0, "quarantine", "payments", "--retry", "--project", dir)
	second := strings.Replace(good("a"), `"1.00"`, `"2.50"`, 1) + strings.NewReplacer("gift", "shipment", "USD", "EUR").Replace(badRow) + good("new")
	must(t, 0, "ingest", "payments", file(t, dir, "second.jsonl", second), "--project", dir)
	rows := value(t, must(t, 0, "quarantine", "--project", dir, "--json"))
	for i, want := range []map[string][2]string{{"amount": {"1.00", "2.50"}}, {"currency": {"USD", "EUR"}, "type": {"gift", "shipment"}}} {
		row := item(t, rows, "rows", i)
		list, _ := row["differences"].([]any)
		if len(list) != len(want) {
			t.Errorf("row %d differs in %v", i, list)
		}
		for n := range list {
			d := item(t, row, "differences", n)
			if got := [2]string{plainText(d["accepted"]), plainText(d["rejected"])}; got != want[plainText(d["column"])] {
				t.Errorf("row %d differs in %v, want %v", i, d, want)
			}
		}
	}
	shown := must(t, 0, "quarantine", "--project", dir).out
	for _, want := range []string{"amount is", "the accepted event has", "currency is"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
}

// TestConflictIsShownWhole shows both values of each column that differs and where the id was accepted, however narrow the terminal; a very
// long value is cut, and its length said.
func TestConflictIsShownWhole(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	long := strings.Repeat("y", 3000)
	noted := func(event, note string) string { return line(`"`+event+`"`, `"1.00"`, today, `"`+note+`"`) }
	first := file(t, dir, "first-of-the-files-with-a-long-name.jsonl", noted("a", strings.Repeat("x", 60))+noted("b", "short"))
	must(t, 0, "ingest", "payments", first, "--project", dir)
	second := strings.Replace(noted("a", strings.Repeat("z", 60)), `"1.00"`, `"9.00"`, 1) + noted("b", long)
	must(t, 1, "ingest", "payments", file(t, dir, "second.jsonl", second), "--project", dir)
	shown := must(t, 0, "quarantine", "--project", dir).out
	for _, want := range []string{
		`amount is "9.00", the accepted event has "1.00"`, strings.Repeat("x", 60), strings.Repeat("z", 60), "row 1", "row 2", "(3,002 characters)", `the accepted event has "short"`,
	} {
		if !strings.Contains(joinedCells(shown), want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
	if strings.Contains(shown, strings.Repeat("y", 300)) {
		t.Errorf("a long value is not cut:\n%s", shown)
	}
}

// TestConflictInEveryFormat shows both values of each column that differs in every format, and whole.
func TestConflictInEveryFormat(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	noted := func(note string) string { return line(`"a"`, `"1.00"`, today, `"`+note+`"`) }
	must(t, 0, "ingest", "payments", file(t, dir, "first.jsonl", noted(strings.Repeat("x", 90))), "--project", dir)
	must(t, 1, "ingest", "payments", file(t, dir, "second.jsonl", noted("z")), "--project", dir)
	to := filepath.Join(dir, "q.csv")
	must(t, 0, "quarantine", "payments", "--to", to, "--project", dir)
	written, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{"--to": string(written)}
	for _, flags := range []string{"--format vertical", "--format csv", "--columns ref,column,reason"} {
		shown[flags] = must(t, 0, append(strings.Fields("quarantine payments "+flags), "--project", dir)...).out
	}
	for flags, text := range shown {
		text = strings.ReplaceAll(text, `""`, `"`)
		want := ` is "z", the accepted event has "` + strings.Repeat("x", 90) + `"; conflict: this id was accepted before`
		before, _, found := strings.Cut(text, want)
		if !found || strings.Count(before, before[strings.LastIndexAny(before, " ,\"")+1:]) < 2 {
			t.Errorf("%s: the column and both values are not shown:\n%s", flags, text)
		}
	}
}

// joinedCells is the text of a table's last column, with its lines put together.
func joinedCells(table string) string {
	var text strings.Builder
	for _, line := range strings.Split(table, "\n") {
		if cells := strings.Split(line, "│"); len(cells) > 2 {
			cell := strings.TrimSpace(cells[len(cells)-2])
			text.WriteString(cell)
			text.WriteByte(' ')
		}
	}
	return text.String()
}

// TestConflictWithRetractedEvent: the table says of a conflict that the event with its id does not count any more.
func TestConflictWithRetractedEvent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"event":    {[]string{"retract", "payments", "1", "--event", "a", "--reason", "sent twice"}, "that event is retracted (sent twice)"},
		"batch":    {[]string{"retract", "payments", "1", "--reason", "sent twice"}, "that event is retracted (sent twice)"},
		"replaced": {[]string{"quarantine", "payments", "--accept", "2:1", "--reason", "sent twice"}, "that event is retracted (row 2:1 was accepted in its place: sent twice)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := shop(t)
			must(t, 0, "ingest", "payments", file(t, dir, "first.jsonl", good("a")), "--project", dir)
			must(t, 1, "ingest", "payments", file(t, dir, "second.jsonl", strings.Replace(good("a"), `"1.00"`, `"2.00"`, 1)), "--project", dir)
			must(t, 1, "ingest", "payments", file(t, dir, "third.jsonl", strings.Replace(good("a"), `"1.00"`, `"3.00"`, 1)), "--project", dir)
			must(t, 0, append(c.args, "--project", dir)...)
			shown := must(t, 0, "quarantine", "--project", dir).out
			text := joinedCells(shown)
			if strings.Contains(text, "the accepted event has") || !strings.Contains(text, `amount is "3.00", the retracted event has "1.00"`) || !strings.Contains(text, c.want) {
				t.Errorf("the table says %s", shown)
			}
			if !strings.Contains(shown, "next: bursar quarantine payments --retry, which checks the row again") {
				t.Errorf("the next step is not a retry: %s", shown)
			}
			rows := value(t, must(t, 0, "quarantine", "--project", dir, "--json"))
			out, _ := item(t, rows, "rows", 0)["accepted_retracted"].(map[string]any)
			if reason := plainText(out["reason"]); !strings.HasSuffix(reason, "sent twice") {
				t.Errorf("the row says %v", out)
			}
		})
	}
}

func plainText(value any) string {
	s, _ := value.(string)
	return s
}
