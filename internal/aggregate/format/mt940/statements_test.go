// Tests of statements, accounts, totals and recognition.

package mt940_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/mt940"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// outline lists what a read reports: one line for each statement with its balances and amounts.
func outline(t *testing.T, text string) string {
	t.Helper()
	r := statementtest.NewRecorder(t)
	err := statementtest.ReadChecked(t, []byte(text), mt940.Read, r)
	var b strings.Builder
	for i := range r.Statements {
		s := &r.Statements[i]
		fmt.Fprintf(&b, "%s %s %s %s/%s %s", s.Format, s.Account, s.Reference, s.Number, s.Page, s.Currency)
		for _, balance := range s.Balances {
			fmt.Fprintf(&b, " %s%s=%s", balance.Code, balance.Subtype, balance.Amount)
		}
		for j := range s.Entries {
			fmt.Fprintf(&b, " %s", s.Entries[j].Amount)
		}
		if s.Fault != "" {
			fmt.Fprintf(&b, " %s", s.Fault)
		}
		b.WriteString("\n")
	}
	for _, n := range r.Notices {
		fmt.Fprintf(&b, "%s at %s: %v\n", n.What, n.Place, n.Fields)
	}
	if err != nil {
		fmt.Fprintf(&b, "%v\n", err)
	}
	return b.String()
}

func TestStatements(t *testing.T) {
	t.Parallel()
	const first = ":20:A\n:25:1\n:28C:1/1\n:60F:C240101EUR1,00\n:61:240101C1,00NTRF\n"
	const want = "mt940 1 A 1/1 EUR OPBD=1.00 CLBD=2.00 1.00\n"
	const last = ":62F:C240101EUR2,00\n"
	for _, c := range []struct{ name, text, want string }{
		{"plain", first + last, want},
		{"a hyphen", first + last + "-\n", want},
		{"SOH and ETX", "\x01\n" + first + last + "-\x03\n", want},
		{"a mark of the encoding, blank lines, the end of a DOS file", "\xEF\xBB\xBF\n\n" + first + "\n" + last + "\n\x1A", want},
		{"an envelope", "{1:F01X}{2:O9401200}{4:\n" + first + last + "-}", want},
		{"on the same line", "{1:F01X}{2:O9401200}{3:{108:x}}{4:" + first + last[:len(last)-1] + "-}{5:{CHK:1}}", want},
		{"two in envelopes on one line", "\x01{1:F01X}{2:O9401200}{4:\n" + first + last + "-}{5:}\x03$\x01{1:F01X}{2:O9401200}{4:\n" + first + last + "-}\n$\n", want + want},
		{"two without a hyphen", first + last + first + last, want + want},
		{"lines of a bank's own", "ABNANL2A\n940\nABNANL2A\n" + first + last + "-\nABNANL2A\n940\n" + first + last + "-\n", want + want},
		{
			"another message", "{1:F01X}{2:O1031200}{4:\n:20:P\n:32A:240101EUR1,\n-}{1:F01X}{2:O9401200}{4:\n" + first + last + "-}",
			want + "message at 1:1: [{type 103}]\n",
		},
		{
			"pages", ":20:A\n:25:1\n:28C:7/1\n:60F:C240101EUR1,00\n:61:240101C1,00NTRF\n:62M:C240101EUR2,00\n" +
				":20:A\n:25:1\n:28C:7/2\n:60M:C240101EUR2,00\n:61:240101D3,00NTRF\n:62F:D240101EUR1,00\n",
			"mt940 1 A 7/1 EUR OPBD=1.00 ITBD62M=2.00 1.00\nmt940 1 A 7/2 EUR ITBD60M=2.00 CLBD=-1.00 -3.00\n",
		},
		{"no reference", ":25:1\n" + last + ":25:2\n" + last, "mt940 1  / EUR CLBD=2.00\nmt940 2  / EUR CLBD=2.00\n"},
		{"openings only", ":60F:C240101EUR1,\n" + last + ":60F:C240101EUR2,\n-\n", "mt940   / EUR OPBD=1 CLBD=2.00\nmt940   / EUR OPBD=2\n"},
		{"a report", ":20:A\n:25:1\n:28C:1\n:34F:EURD0,\n:13D:2401011200+0100\n:61:240101C1,00NTRF\n", "mt942 1 A 1/ EUR 1.00\n"},
		{"a statement with a time", ":20:A\n:25:1\n:13D:2401011200+0100\n:60F:C240101EUR1,00\n-\n", "mt940 1 A / EUR OPBD=1.00\n"},
		{"a report by its envelope", "{1:F01X}{2:O9421200}{4:\n:20:A\n:61:240101C1,00NTRF\n-}", "mt942  A /  1.00\n"},
		{"available", first + last + ":64:D240101EUR2,00\n:65:C240102EUR3,5\n", "mt940 1 A 1/1 EUR OPBD=1.00 CLBD=2.00 CLAV=-2.00 FWAV=3.5 1.00\n"},
		{
			"balances that cannot be read", ":60F:C240101EUR\n:62F:C240101EUR1 00\n:64:123\n",
			"mt940   / EUR OPBD=:60F:C240101EUR CLBD=:62F:C240101EUR1 00 CLAV=:64:123\n",
		},
		{
			"a line that belongs to nothing", ":20:A\nstray\n:60F:C240101EUR1,00\n61:240101C1,00NTRF\n-\n",
			"mt940  A / EUR OPBD=1.00\nline at 2:1: [{after :20:} {text stray}]\nline at 4:1: [{after :60F:} {text 61:240101C1,00NTRF}]\n",
		},
		{"nothing", "", "1:1: the file has no field of MT940 or MT942, such as :20:, :25:, :60F: or :61:\n"},
		{"lines", "\n\n1\n2\n", "3:1: the file has no field of MT940 or MT942, such as :20:, :25:, :60F: or :61:\n"},
		{"cut within an entry", first + ":61:240101C1,00NTRF", "6:1: the file ends within :61:; the file seems to be truncated: download it again\n"},
		{"cut within an account", first + last + ":20:B\n:25:12", "8:1: the file ends within :25:; the file seems to be truncated: download it again\n"},
		{"cut within a balance", first + last[:len(last)-2], "6:1: the file ends within :62F:; the file seems to be truncated: download it again\n"},
		{"no end of the last line", first + last[:len(last)-1], want},
		{"cut within an envelope", "{4:\n" + first + last, "1:1: the file ends before -} closes this message; the file seems to be truncated: download it again\n"},
	} {
		got := outline(t, c.text)
		if strings.HasPrefix(c.name, "cut") { // after a complete statement
			got = got[strings.Index(got, "\n")+1:]
		}
		if got != c.want {
			t.Errorf("%s:\ngot\n%swant\n%s", c.name, got, c.want)
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		":25:NL91ABNA0417164300":            `["NL91ABNA0417164300",true,""]`,
		":25: NL91 ABNA 0417 1643 00 ":      `["NL91ABNA0417164300",true,""]`,
		":25:NL91ABNA0417164301":            `["NL91ABNA0417164301",false,""]`,
		":25:NL91ABNA0417164300EUR":         `["NL91ABNA0417164300EUR",false,""]`,
		":25:70011110/4005287001EUR":        `["70011110/4005287001EUR",false,""]`,
		":25P:NL91ABNA0417164300\nABNANL2A": `["NL91ABNA0417164300",true,"ABNANL2A"]`,
		":25P:123\nABNANL2A\n:86:x":         `["123",false,"ABNANL2A"]`,
		":25:\n123":                         `["123",false,""]`,
	} {
		s := readOne(t, text, text+"\n")
		if s == nil {
			continue
		}
		got, err := json.Marshal([]any{s.Account, s.IBAN, s.Servicer})
		if err != nil || string(got) != want {
			t.Errorf("%q: %s, want %s (%v)", text, got, want, err)
		}
	}
}

func TestTotalsAndTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		":13D:1701191815+0100\n:90D:0PLN0,00\n:90C:3PLN0,03": `["2017-01-19T18:15:00+01:00","0","0.00","3","0.03"]`,
		":13D:1701191815-0530":                               `["2017-01-19T18:15:00-05:30","","","",""]`,
		":13:1701191815":                                     `["2017-01-19T18:15:00","","","",""]`,
		":13D:1815":                                          `["1815","","","",""]`,
		":13D:1701192515+0100":                               `["1701192515+0100","","","",""]`,
		":90D:12EUR1.00":                                     `["","12","1.00","",""]`,
		":90D:12EUR1.00\n:90C:1EUR1,00":                      `["","12","1.00",":90C:1EUR1,00",":90C:1EUR1,00"]`,
		":90C:EUR1,00":                                       `["","","",":90C:EUR1,00",":90C:EUR1,00"]`,
		":90C:1EUR-1,00\n:13D:1":                             `["1","","",":90C:1EUR-1,00",":90C:1EUR-1,00"]`,
	} {
		s := readOne(t, text, ":20:A\n"+text+"\n")
		if s == nil {
			continue
		}
		got, err := json.Marshal([]string{s.Created, s.Stated.DebitCount, s.Stated.DebitSum, s.Stated.CreditCount, s.Stated.CreditSum})
		if err != nil || string(got) != want {
			t.Errorf("%q: %s, want %s (%v)", text, got, want, err)
		}
	}
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		":20:A\n": true, "\xEF\xBB\xBF\r\n:20:A\r\n": true, "\x01\n:20:A": true, ":25:1": true, ":61:240101C1,00NTRF": true,
		":60F:C240101EUR1,00": true, ":34F:PLN0": true, ":13D:1701191815+0100": true, "{1:F01X}{2:O9401200}{4:\n:20:A": true,
		"{1:F01X}\n{2:I942X}\n{4:\n:20:A": true, "{4::20:A": true, "{1:F01X}{2:O1031200}{4:\n:20:A": false,
		"ABNANL2A\n940\nABNANL2A\n:20:ABN AMRO": true,
		"":                                      false, "1\n2\n3\n": false, ":NS:\n": false, ":86:x\n": false, ":20:": false, ":61:x": false,
		":60F:x":                               false,
		"<?xml version=\"1.0\"?>\n:20:A\n":     false,
		"OFXHEADER:100\nDATA:OFXSGML\n<OFX>\n": false,
		"date;amount\n2024-01-01;:20:A\n":      false,
		"a,b\n\":20:A\",1\n":                   false,
		strings.Repeat("text\n", 11) + ":20:A": false,
		"PK\x03\x04":                           false,
	} {
		if got := mt940.Recognise([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
