// Refreshes that are interrupted between any two effects: afterwards every event is stored once, nothing is lost, and the cursor is that of what is stored.

package refresh

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

// ofxFile is a statement of an account with an interval, a transaction for each day, and the balance on the last day.
func ofxFile(from, to string, balance string, days ...string) []byte {
	var list strings.Builder
	for _, day := range days {
		fmt.Fprintf(&list, "<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>%s<TRNAMT>-1.00<FITID>t%[1]s<NAME>Shop</STMTTRN>", strings.ReplaceAll(day, "-", ""))
	}
	interval := ""
	if from != "" {
		interval = "<DTSTART>" + strings.ReplaceAll(from, "-", "") + "<DTEND>" + strings.ReplaceAll(to, "-", "")
	}
	return []byte("OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\n\n" +
		"<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260302120000<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>" +
		"<BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>EUR" +
		"<BANKACCTFROM><BANKID>1<ACCTID>42<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST>" + interval + list.String() +
		"</BANKTRANLIST><LEDGERBAL><BALAMT>" + balance + "<DTASOF>" + strings.ReplaceAll(to, "-", "") + "</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n")
}

func transaction(id, amount string, pending bool) connector.Transaction {
	t := connector.Transaction{ID: id, Amount: amount, Pending: pending, Party: "Shop " + id}
	if !pending {
		t.Booked = "2026-03-01"
	}
	return t
}

func booked(amount, at string) []connector.Balance {
	return []connector.Balance{{Kind: connector.Booked, Amount: amount, At: at}}
}

// scripts are institutions by the kind of connector: what each has for two refreshes, one after the other, by the cursor of the request where they have one.
var scripts = map[string]func(ctx context.Context, round int, r connector.Request, d connector.Delivery) error{
	project.CursorConnector: func(ctx context.Context, _ int, r connector.Request, d connector.Delivery) error {
		pages := map[string][]*connector.Changes{
			"": {
				{Cursor: "c1", Transactions: []connector.Transaction{transaction("t1", "-5.00", false), transaction("p1", "-7.00", true)}},
				{Cursor: "c2", Transactions: []connector.Transaction{transaction("t2", "20.00", false)}, Balances: booked("115.00", "2026-03-02")},
			},
			"c2": {{
				Cursor: "c3", Removed: []string{"p1", "t1"}, Balances: booked("113.00", "2026-03-03"),
				Transactions: []connector.Transaction{{ID: "t3", Amount: "-7.00", Booked: "2026-03-02", Party: "Shop p1", Replaces: "p1"}},
			}},
			"c3": {{Cursor: "c3", Balances: booked("113.00", "2026-03-03")}},
		}
		for _, c := range pages[r.Cursor] {
			if err := d.Changes(ctx, c); err != nil {
				return err
			}
		}
		return nil
	},
	project.OFXConnector: func(ctx context.Context, round int, _ connector.Request, d connector.Delivery) error {
		files := [][]byte{ofxFile("2026-01-01", "2026-01-31", "99.00", "2026-01-05"), ofxFile("2026-02-01", "2026-03-02", "98.00", "2026-02-05")}
		if round == 2 {
			files = [][]byte{ofxFile("2026-02-01", "2026-03-03", "97.00", "2026-02-05", "2026-03-03")}
		}
		for i, content := range files {
			if err := d.Document(ctx, fmt.Sprint(i, ".ofx"), content); err != nil {
				return err
			}
		}
		return nil
	},
	project.FilesConnector: func(ctx context.Context, _ int, r connector.Request, d connector.Delivery) error {
		files := map[string][]string{"": {"one", "two", "three"}, "3 files": {"four"}}[r.Cursor]
		for _, content := range files {
			if err := d.Document(ctx, content+".xml", []byte(content)); err != nil {
				return err
			}
		}
		return d.State(ctx, []byte(map[string]string{"": "3 files", "3 files": "4 files", "4 files": "4 files"}[r.Cursor]))
	},
	project.ExecConnector: func(ctx context.Context, round int, r connector.Request, d connector.Delivery) error {
		first := 0
		if _, err := fmt.Sscan(r.Cursor, &first); err != nil && r.Cursor != "" {
			return err
		}
		for n := first; n < 3*round; n++ {
			if err := d.Records(ctx, "records", fmt.Appendf(nil, "{\"id\":\"%d\"}\n", n)); err != nil {
				return err
			}
			if err := d.State(ctx, []byte(fmt.Sprint(n+1))); err != nil {
				return err
			}
		}
		return nil
	},
}

// twice refreshes the account two times. At the nth place something fails; then another process continues, with the step that has failed, or, if the
// workflow is lost, with the first one.
func twice(t *testing.T, kind string, n int, lost bool) (w *world, fired bool) {
	t.Helper()
	w = newWorldWith(t, kind, func(c catalog.Catalog) catalog.Catalog { return c }) // as it is: there are many of them
	round := 1
	w.fetch = func(ctx context.Context, _ connector.Login, r connector.Request, d connector.Delivery) error {
		return scripts[kind](ctx, round, r, d)
	}
	w.faults.set(n)
	for ; round <= 2; round++ {
		number, again := w.begin(), 1
		if lost {
			again = 0
		}
		for tries := 0; ; tries++ {
			err := w.drive(number, again)
			if err == nil {
				break
			}
			w.faults.end()
			if w.replace(); tries > 0 {
				t.Fatal(err)
			}
		}
		w.now = w.now.Add(24 * time.Hour)
	}
	return w, w.faults.fired
}

// TestCrashes compares what is stored after a crash at each place with what is stored without one.
func TestCrashes(t *testing.T) {
	t.Parallel()
	for kind := range scripts {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, ", lost ", lost), func(t *testing.T) {
				t.Parallel()
				want, _ := twice(t, kind, 0, lost)
				expectScript(t, kind, want)
				n := 1
				for ; ; n++ {
					w, fired := twice(t, kind, n, lost)
					w.compare(fmt.Sprint("crash at place ", n), want)
					if !fired {
						break
					}
					if t.Failed() {
						t.FailNow()
					}
				}
				t.Logf("%d places, %d events, %d files", n-1, len(want.events), len(want.imported))
				if n < 15 {
					t.Errorf("only %d places", n-1)
				}
			})
		}
	}
}

// compare compares what is stored, but not how often it was tried.
func (w *world) compare(what string, want *world) {
	w.t.Helper()
	if got := w.sorted(); !slices.Equal(got, want.sorted()) {
		w.t.Errorf("%s: %d events\n%s\nwant %d\n%s", what, len(got), strings.Join(got, ""), len(want.events), strings.Join(want.sorted(), ""))
	}
	if got, want := slices.Sorted(maps.Keys(w.imported)), slices.Sorted(maps.Keys(want.imported)); !slices.Equal(got, want) {
		w.t.Errorf("%s: imported %q, want %q", what, got, want)
	}
	got, expected := w.get(), want.get()
	got.Requests, expected.Requests = 0, 0
	a, err := json.Marshal(got)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := json.Marshal(expected)
	if err != nil {
		w.t.Fatal(err)
	}
	if string(a) != string(b) {
		w.t.Errorf("%s: the account is\n%s\nwant\n%s", what, a, b)
	}
	if dump := w.dump(); strings.Contains(dump, "outbox") {
		w.t.Errorf("%s: events are left in the outbox: %s", what, dump)
	}
}

// expectScript checks what two refreshes store without a crash.
func expectScript(t *testing.T, kind string, w *world) {
	t.Helper()
	a := w.get()
	expected := map[string]struct {
		events, files    int
		cursor, balance  string
		posted, verdicts string
	}{
		project.CursorConnector: {7, 0, "c3", "113.00", "13.00", "PROVEN"},
		project.OFXConnector:    {5, 3, "", "97.00", "-3.00", "PROVEN"},
		project.FilesConnector:  {0, 4, "4 files", "", "", ""},
		project.ExecConnector:   {6, 0, "6", "", "", ""},
	}[kind]
	if len(w.events) != expected.events || len(w.imported) != expected.files || a.Cursor != expected.cursor || a.Outcome != "complete" {
		t.Errorf("%d events, %d files, %+v:\n%s", len(w.events), len(w.imported), a, strings.Join(w.sorted(), ""))
	}
	if expected.balance != "" && (a.Standing == nil || a.Standing.Balance != expected.balance || a.Standing.Posted != expected.posted || a.Standing.Verdict != expected.verdicts) {
		t.Errorf("the account stands at %+v", a.Standing)
	}
}
