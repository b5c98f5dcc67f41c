// Tests files that state less than their format requires, or state it differently.

package aggregate

import (
	"fmt"
	"strings"
	"testing"
)

const download = "OFXHEADER:100\n\n<OFX><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><ACCTID>A1</BANKACCTFROM><BANKTRANLIST><DTSTART>20240201<DTEND>20240229" +
	"<STMTTRN><DTPOSTED>20240205<TRNAMT>-5.00<FITID>7</STMTTRN></BANKTRANLIST><LEDGERBAL><BALAMT>10.00<DTASOF>20240315</LEDGERBAL></STMTRS></STMTTRNRS></OFX>"

func TestDialects(t *testing.T) {
	t.Parallel()
	const entry = "<STMTTRN><DTPOSTED>20240205<TRNAMT>-5.00<FITID>7</STMTTRN>"
	const message = ":20:A\n:25:A1\n:28C:1\n:60F:C240204EUR10,00\n:61:2402050205D5,00NTRFNONREF\n:86:x\n:62F:C240205EUR5,00\n"
	for _, c := range []struct {
		name, text  string
		entries     string // stored
		quarantined int    // in quarantine
		states      string
	}{
		{"a balance of today does not stretch the interval", download, "-5.00000 2024-02-05", 0, "1–29 CLAIMED"},
		{"entries behind the stated interval are of it", strings.Replace(download, "<DTEND>20240229", "<DTEND>20240201", 1), "-5.00000 2024-02-05", 0, "1–5 CLAIMED"},
		{"a fee under its payment's name", strings.Replace(download, entry, entry+strings.Replace(entry, "5.00", "0.10", 1), 1), "-0.10000 2024-02-05 -5.00000 2024-02-05", 0, "1–29 CLAIMED"},
		{"a name that says the same twice", strings.Replace(download, entry, entry+entry, 1), "-5.00000 2024-02-05", 0, "1–29 BROKEN"},
		{"an entry in another currency", strings.Replace(download, entry, entry+"<STMTTRN><DTPOSTED>20240206<TRNAMT>-1<FITID>8<CURRENCY><CURSYM>USD</CURRENCY></STMTTRN>", 1), "-1.00000 2024-02-06 -5.00000 2024-02-05", 0, "1–29 CLAIMED; 1–29 CLAIMED"},
		{"a correction", strings.Replace(download, "<FITID>7", "<FITID>8<CORRECTFITID>7<CORRECTACTION>REPLACE", 1), "-5.00000 2024-02-05", 0, "1–29 CLAIMED"},
		{"a correction that is not understood", strings.Replace(download, "<FITID>7", "<FITID>8<CORRECTFITID>7<CORRECTACTION>SWAP", 1), "", 1, "1–29 BROKEN"},
		{"no day", strings.Replace(download, "<DTPOSTED>20240205", "", 1), "", 1, "1–29 BROKEN"},
		{"a message", message, "-5.00000 2024-02-05", 0, "5 PROVEN"},
		{"a message cut behind a field", message[:strings.Index(message, ":62F:")], "-5.00000 2024-02-05", 0, "5 BROKEN"},
		{"an account's first statement", strings.Replace(message, "C240204EUR10", "C000000EUR10", 1), "-5.00000 2024-02-05", 0, "5 PROVEN"},
		{"two currencies under one header", message + strings.ReplaceAll(message[strings.Index(message, ":60F:"):], "EUR", "USD"), "-5.00000 2024-02-05 -5.00000 2024-02-05", 0, "5 PROVEN; 5 PROVEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "")
			h.send(c.text)
			judged := make([]string, 0, 2)
			for _, a := range h.judged("") {
				judged = append(judged, states(a.Intervals))
			}
			entries := strings.Join(h.stored("entries", "amount, day"), " ")
			if got := strings.Join(judged, "; "); entries != c.entries || h.quarantined() != c.quarantined || got != c.states {
				t.Errorf("entries %q, %d rows in quarantine, %s; want %s", entries, h.quarantined(), got, fmt.Sprint(c.entries, c.quarantined, c.states))
			}
		})
	}
}
