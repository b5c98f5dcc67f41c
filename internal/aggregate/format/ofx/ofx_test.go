// Tests of entries, statements, accounts, headers and recognition.

package ofx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/ofx"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

const header = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\n\n"

// bankFile returns a file with one statement of these entries.
func bankFile(entries string) string {
	return header + "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>B<ACCTID>A</BANKACCTFROM>" +
		"<BANKTRANLIST>" + entries + "</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
}

func read(t *testing.T, text string) (*statementtest.Recorder, error) {
	t.Helper()
	r := statementtest.NewRecorder(t)
	err := statementtest.ReadChecked(t, []byte(text), ofx.Read, r)
	return r, err
}

// TestEntries reads one entry in different forms.
func TestEntries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want statement.Entry
	}{
		"closed": {
			"<TRNTYPE>debit</TRNTYPE><DTPOSTED>20240131</DTPOSTED><TRNAMT>-1.50</TRNAMT><FITID>7</FITID><MEMO>m</MEMO>",
			statement.Entry{Code: "DEBIT", Booked: "2024-01-31", Amount: "-1.50", Reference: "7", Unique: true, Text: "m"},
		},
		"lower case, in lines": {"<trnamt>2\r\n<fitid>8\r\n<name>x", statement.Entry{Amount: "2", Reference: "8", Unique: true, Party: "x"}},
		"empty values":         {"<MEMO><NAME></NAME><CHECKNUM/><REFNUM>r<TRNAMT>1", statement.Entry{Amount: "1", Own: "r"}},
		"an unknown aggregate": {"<NAME>a<X.Y><NAME>b</NAME><TRNAMT>9</X.Y><TRNAMT>1", statement.Entry{Amount: "1", Party: "a"}},
		"nested unknown":       {"<X><Y><NAME>b</Y><MEMO>n</X><MEMO>m", statement.Entry{Text: "m"}},
		"an end too many":      {"</NAME><NAME>a</NAME></NAME></STMTRSX><MEMO>m", statement.Entry{Party: "a", Text: "m"}},
		"an empty name before payee": {
			"<NAME><PAYEE><NAME>a</NAME><CITY>c</PAYEE><MEMO>m", statement.Entry{Party: "a", Text: "m"},
		},
		"payee as a value":   {"<PAYEE>p<MEMO>m", statement.Entry{Party: "p", Text: "m"}},
		"other account":      {"<BANKACCTTO><BANKID>1<ACCTID>2</BANKACCTTO>", statement.Entry{Peer: "2"}},
		"other card":         {"<CCACCTTO><ACCTID>3</CCACCTTO>", statement.Entry{Peer: "3"}},
		"its own currency":   {"<TRNAMT>1<CURRENCY><CURRATE>1.1<CURSYM>eur</CURRENCY>", statement.Entry{Amount: "1"}},
		"as a value":         {"<TRNAMT>1<CURRENCY>eur</CURRENCY><MEMO>m", statement.Entry{Amount: "1", Text: "m"}},
		"no currency":        {"<TRNAMT>1<CURRENCY>1", statement.Entry{Amount: "1"}},
		"converted":          {"<TRNAMT>1<ORIGCURRENCY><CURRATE>1.1<CURSYM>USD</ORIGCURRENCY>", statement.Entry{Amount: "1"}},
		"filler for a name":  {"<FITID>0", statement.Entry{Reference: "0"}},
		"replaces":           {"<TRNAMT>-5<FITID>8<CORRECTFITID>7<CORRECTACTION>replace<MEMO>m", statement.Entry{Amount: "-5", Reference: "8", Unique: true, Corrects: "7", Text: "m"}},
		"deletes":            {"<TRNAMT>-5<FITID>8<CORRECTFITID>7<CORRECTACTION>DELETE<MEMO>m", statement.Entry{Amount: "0", Status: "INFO", Reference: "8", Unique: true, Corrects: "7", Text: "deletes FITID 7 of -5.00 m"}},
		"entities":           {"<MEMO>&lt;a&gt; &amp;amp; &quot;&apos;&#233;&#xe9; R&D &x; &#0; &", statement.Entry{Text: `<a> &amp; "'éé R&D &x; &#0; &`}},
		"blanks":             {"<MEMO>&nbsp; a   b \t&nbsp;<NAME>  ", statement.Entry{Text: "a   b"}},
		"wrapped":            {"<MEMO>one\r\n   two\n\nthree", statement.Entry{Text: "one two three"}},
		"less than":          {`<MEMO>a < b <3 <-> AT<T "q" <no tag <B Ltd> x`, statement.Entry{Text: `a < b <3 <-> AT<T "q" <no tag <B Ltd> x`}},
		"cdata":              {"<MEMO>a <![CDATA[<NAME>x &amp; ]] > ]]>b</MEMO>", statement.Entry{Text: "a <NAME>x &amp; ]] > b"}},
		"comment":            {"<MEMO>a<!-- <NAME>x -- > -->b", statement.Entry{Text: "ab"}},
		"windows":            {"<MEMO>caf\xe9 \x80", statement.Entry{Text: "café €"}},
		"utf-8 all the same": {"<MEMO>café €", statement.Entry{Text: "café €"}},
		"nothing readable":   {"*snipped*", statement.Entry{}},
		"two amounts":        {"<TRNAMT>1<TRNAMT>2<NAME>a<NAME>a", statement.Entry{Amount: "1 2", Party: "a"}},
		"no such day":        {"<DTPOSTED>20240230<TRNAMT>$1", statement.Entry{Booked: "20240230", Amount: "$1"}},
		"available":          {"<DTPOSTED>20240229235959.999[-11:X]<DTAVAIL>2024-03-01", statement.Entry{Booked: "2024-02-29", Value: "2024-03-01"}},
		"never available":    {"<DTAVAIL>00000000", statement.Entry{}},
		"attributes":         {`<MEMO xml:lang="de">m</MEMO>`, statement.Entry{Text: "m"}},
		"names known elsewhere": {
			"<SPLIT>No<STATUS>Cleared<STATUS><NAME>z</NAME></STATUS><BAL><VALUE>1</BAL><INCOME></INCOME><NAME>a<LEDGERBAL><BALAMT>9</LEDGERBAL><MEMO>m",
			statement.Entry{Party: "a", Text: "m"},
		},
		"a value in its own":   {"<X><NAME>b</NAME><X>v</X></X><MEMO>m", statement.Entry{Text: "m"}},
		"a value not its own":  {"<X><NAME>b<X>v<Y></X><MEMO>m", statement.Entry{Text: "m"}},
		"names without a name": {"<MEMO>a <:> <b:> <1> </> <.x>", statement.Entry{Text: "a <:> <b:> <1> </> <.x>"}},
		"a long comment":       {"<!--" + strings.Repeat(">-- ", 1<<20) + "> <MEMO>x--><MEMO>m", statement.Entry{Text: "m"}},
		"namespace":            {"<o:MEMO>m</o:MEMO>", statement.Entry{Text: "m"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := read(t, bankFile("<STMTTRN>"+c.text+"</STMTTRN><STMTTRN><TRNAMT>5"))
			if err != nil || len(r.Statements) != 1 || len(r.Statements[0].Entries) != 2 {
				t.Fatalf("%v: %+v", err, r.Statements)
			}
			got := r.Statements[0].Entries[0].Entry
			got.Place = statement.Place{}
			if c.want.Currency == "" {
				c.want.Currency = "EUR"
			}
			if c.want.Booked == "" {
				c.want.Booked = "not stated"
			}
			if got != c.want {
				t.Errorf("got\n%+v, want\n%+v", got, c.want)
			}
			if next := r.Statements[0].Entries[1].Amount; next != "5" {
				t.Errorf("the next entry has the amount %q", next)
			}
		})
	}
}

func TestAmountsAndDates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"+1.50": "1.50", " - 1,5 ": "-1.5", "1,234.56": "1234.56", "1.234,56": "1234.56", "1.234.567": "1234567", "1,234,567": "1234567",
		"1,234": "1,234", "0,500": "0.500", "1.500": "1.500", "12,34.56": "12,34.56", "1,234.5.6": "1,234.5.6", ",5": "0.5",
		"1.2345,6": "1.2345,6", "1234,567.8": "1234,567.8", "00012.3400": "12.3400", "1e3": "1e3", "--1": "--1", "1 234": "1 234", "-0": "0",
		"5-": "5-", "(5)": "(5)", "NaN": "NaN", "12,345678": "12,345678",
	} {
		r, err := read(t, bankFile("<STMTTRN><TRNAMT>"+text+"</STMTTRN>"))
		if err != nil || r.Statements[0].Entries[0].Amount != strings.TrimSpace(want) {
			t.Errorf("%q is read as %q, want %q: %v", text, r.Statements[0].Entries[0].Amount, want, err)
		}
	}
	for text, want := range map[string]string{
		"20240131": "2024-01-31", "20240131235959[-5:EST]": "2024-01-31", "20240131120000.000[+5.30:IST]": "2024-01-31",
		"202401311200": "2024-01-31", "2024013112": "2024-01-31", "20240131093914:014": "2024-01-31", "2024-01-31T10:00:00Z": "2024-01-31",
		"2024-01-31 10:00:00": "2024-01-31", "2024-01-31": "2024-01-31", "20240131120000[-:EST]": "2024-01-31",
		"20241301": "20241301", "20240131256199": "20240131256199", "2024013": "2024013", "20240131 x": "20240131 x", "31.01.2024": "31.01.2024",
		"20240131[5": "20240131[5", "20240131.": "2024-01-31", "٢٠٢٤٠١٣١": "٢٠٢٤٠١٣١",
	} {
		r, err := read(t, bankFile("<STMTTRN><DTPOSTED>"+text+"</STMTTRN>"))
		if err != nil || r.Statements[0].Entries[0].Booked != want {
			t.Errorf("%q is read as %q, want %q: %v", text, r.Statements[0].Entries[0].Booked, want, err)
		}
	}
}

// TestStatements reads statements and the elements around entries.
func TestStatements(t *testing.T) {
	t.Parallel()
	r, err := read(t, "\ufeff<?xml version='1.0' encoding='ISO-8859-2'?><?OFX OFXHEADER=\"200\" VERSION=\"211\"?>\n<OFX>"+
		"<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20240201080000</SONRS></SIGNONMSGSRSV1>"+
		"<BANKMSGSRSV1><STMTTRNRS><TRNUID>u<STATUS><CODE>0</STATUS><STMTRS><CURDEF>eur<BANKACCTFROM><ACCTID>DE89 3704 0044 0532 0130 00</BANKACCTFROM>"+
		"<BANKTRANLIST><DTSTART>20240101<DTEND>20240131235959[-5:EST]<STMTTRN><TRNAMT>1<MEMO>\xb1</STMTTRN>"+
		"<STMTTRN><TRNAMT>2<STMTTRN><TRNAMT>3</BANKTRANLIST>"+
		"<LEDGERBAL><BALAMT>1,00<DTASOF>20240131120000[+1:CET]<AVAILBAL><BALAMT>x<DTASOF>2024</AVAILBAL>"+
		"<BALLIST><BAL><NAME>limit<DESC><BALTYPE>DOLLAR<VALUE>9</BAL></BALLIST>"+
		"<BANKTRANLISTP><DTASOF>20240201<STMTTRN><DTPOSTED>20240202</STMTTRN></BANKTRANLISTP><BANKTRANLISTP><STMTTRNP><DTTRAN>20240201<TRNAMT>7</STMTTRNP></BANKTRANLISTP>"+
		"</STMTRS><STMTRS><CURDEF></CURDEF></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n\n")
	if err != nil || len(r.Statements) != 2 {
		t.Fatalf("%v: %+v", err, r.Statements)
	}
	s := r.Statements[0]
	want := statement.Statement{
		Place: s.Place, Format: "ofx 2.1.1", Kind: statement.Booked, Account: "DE89370400440532013000", IBAN: true, Currency: "EUR",
		Created: "2024-01-31T12:00:00+01:00", From: "2024-01-01", To: "2024-01-31",
	}
	if s.Statement != want {
		t.Errorf("got\n%+v, want\n%+v", s.Statement, want)
	}
	got := fmt.Sprint(len(s.Entries), s.Entries[0].Text, s.Entries[1].Amount, s.Entries[2].Amount, s.Entries[3].Status, s.Entries[3].Booked,
		s.Entries[4].Status, s.Entries[4].Booked)
	if got != "5ą23PDNG2024-02-02PDNG2024-02-01" {
		t.Errorf("entries: %s: %+v", got, s.Entries)
	}
	got = fmt.Sprint(s.Balances[0].Code, s.Balances[0].Amount, s.Balances[0].Date, s.Balances[1].Code, s.Balances[1].Amount, s.Balances[1].Date)
	if got != "CLBD1.002024-01-31CLAVx2024" {
		t.Errorf("balances: %s", got)
	}
	if s := r.Statements[1]; s.Currency != "" || s.Created != "2024-02-01T08:00:00" || len(s.Entries) != 0 {
		t.Errorf("an empty statement is reported as %+v", s)
	}
	got = fmt.Sprint(r.Notices)
	if !strings.Contains(got, "balance [{name limit} {type DOLLAR} {value 9}]") {
		t.Errorf("notices: %s", got)
	}
}

// TestTimes reads the time of creation: local, with the offset if it can be read.
func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"20240131120000.123[-5:EST]": "2024-01-31T12:00:00-05:00", "20240131120000[+5.30:IST]": "2024-01-31T12:00:00+05:30",
		"20240131120000[-3.5:NST]": "2024-01-31T12:00:00-03:30", "20240131120000[0:GMT]": "2024-01-31T12:00:00Z", "20240131120000[05.75]": "2024-01-31T12:00:00+05:45",
		"20240131120000": "2024-01-31T12:00:00", "20240131": "2024-01-31T00:00:00", "2024-01-31T12:00:00+02:00": "2024-01-31T12:00:00+02:00",
		"20240131120000[-:EST]": "2024-01-31T12:00:00", "20240131120000[99:X]": "2024-01-31T12:00:00", "20240131120000[5.1:X]": "2024-01-31T12:00:00",
		"20240131120000[a:X]": "2024-01-31T12:00:00", "20240131250000": "", "today": "", "": "",
	} {
		r, err := read(t, "<OFX><SONRS><DTSERVER>"+text+"</SONRS><STMTRS></STMTRS></OFX>")
		if err != nil || len(r.Statements) != 1 || r.Statements[0].Created != want {
			t.Errorf("%q is read as %+v, want %q: %v", text, r.Statements, want, err)
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"de89 3704 0044 0532 0130 00": "DE89370400440532013000 true", "DE88370400440532013000": "DE88370400440532013000 false",
		"12300 000012345678": "12300 000012345678 false", "DE89370400440532013000é": "DE89370400440532013000é false", "": " false",
	} {
		r, err := read(t, "<OFX><STMTRS><BANKACCTFROM><BANKID>b<BRANCHID>c<ACCTID>"+text+"</BANKACCTFROM></STMTRS></OFX>")
		if err != nil || len(r.Statements) != 1 {
			t.Fatalf("%q: %v", text, err)
		}
		if s := r.Statements[0]; fmt.Sprint(s.Account, " ", s.IBAN) != want || s.Servicer != "b/c" {
			t.Errorf("%q is read as %q %v of %q", text, s.Account, s.IBAN, s.Servicer)
		}
	}
}

func TestTransactionUIDs(t *testing.T) {
	t.Parallel()
	from := "<BANKACCTFROM><ACCTID>a</BANKACCTFROM></STMTRS>"
	r, err := read(t, "<OFX><STMTTRNRS><TRNUID>1<STMTRS>"+from+"<STMTRS>"+from+"</STMTTRNRS><STMTTRNRS><STMTRS>"+from+"</OFX>")
	const want = "[account [{number a} {transaction_uid 1}] account [{number a} {transaction_uid 1}] account [{number a}]]"
	var got []string
	for _, n := range r.Notices {
		got = append(got, fmt.Sprint(n.What, " ", n.Fields))
	}
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v: got %v", err, got)
	}
}

// TestMisplacedElements checks that elements in the wrong place are reported and do not affect those around them.
func TestMisplacedElements(t *testing.T) {
	t.Parallel()
	r, err := read(t, "<OFX><LEDGERBAL><BALAMT>1</LEDGERBAL><INVSTMTRS><AVAILBAL><BALAMT>2<DTASOF>20240131</AVAILBAL>"+
		"<INVTRANLIST><STMTTRN><TRNAMT>3</STMTTRN></INVTRANLIST><BAL><NAME>n<VALUE>4</BAL></INVSTMTRS>"+
		"<STMTRS><SPLIT><CURDEF>USD<X><BANKTRANLIST><STMTTRN><TRNAMT>5</X><NAME>a</STMTTRN></BANKTRANLIST></X></STMTRS>"+
		"<LOANSTMTTRNRS><STATUS><CODE>0</STATUS><LOANSTMTRS><CURDEF>USD</LOANSTMTRS></LOANSTMTTRNRS><SECLIST><SECINFO><SECNAME>s</SECINFO></SECLIST><CCACCTFROM><ACCTID>6</CCACCTFROM></OFX>trailing<OFX></OFX>")
	if err != nil || len(r.Statements) != 1 || len(r.Statements[0].Entries) != 1 {
		t.Fatalf("%v: %+v", err, r.Statements)
	}
	if e := r.Statements[0].Entries[0]; e.Amount != "5" || e.Party != "a" || e.Currency != "USD" {
		t.Errorf("got %+v", e.Entry)
	}
	var got []string
	for _, n := range r.Notices {
		got = append(got, fmt.Sprint(n.What, n.Fields))
	}
	want := []string{
		"balance[{name LEDGERBAL} {value 1}]", "balance[{name AVAILBAL} {value 2} {date 2024-01-31T00:00:00}]",
		"investment transaction[{type STMTTRN} {amount 3}]", "balance[{name n} {value 4}]", "not read[{element LOANSTMTTRNRS}]", "security[{type SECINFO} {name s}]",
		"account[{number 6}]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ header, format, text string }{
		"none":            {"", "ofx", "é"},
		"one line":        {"OFXHEADER:100DATA:OFXSGMLVERSION:151SECURITY:NONEENCODING:USASCIICHARSET:850COMPRESSION:NONEOLDFILEUID:NONE", "ofx 1.5.1", "Ú"},
		"blanks":          {"OFXHEADER: 100 VERSION : 102 CHARSET:8859-2 ", "ofx 1.0.2", "é"},
		"an unknown one":  {"OFXHEADER:100\nVERSION:x\nCHARSET:NONE\n", "ofx", "é"},
		"declares utf-8":  {"OFXHEADER:100\nVERSION:103\nENCODING:UTF-8\nCHARSET:NONE\n", "ofx 1.0.3", "é"},
		"cyrillic":        {"OFXHEADER:100\nVERSION:102\nCHARSET:1251\n", "ofx 1.0.2", "й"},
		"upper-case text": {`<?XML VERSION="1.0"?><?ofx ofxheader="200" version="220"?>`, "ofx 2.2.0", "é"},
	} {
		r, err := read(t, c.header+"<OFX><STMTRS><STMTTRN><MEMO>\xe9</OFX>")
		if err != nil || len(r.Statements) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		if s := r.Statements[0]; s.Format != c.format || s.Entries[0].Text != c.text {
			t.Errorf("%s: %q, %q", name, s.Format, s.Entries[0].Text)
		}
	}
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		header: true, "\ufeff \r\n" + header: true, "OFXHEADER:100DATA:OFXSGML": true, "DATA:OFXSGML\nOFXHEADER:100": true,
		"<?xml version=\"1.0\"?>\n<?OFX OFXHEADER=\"200\"?>": true, "<!-- x --><ofx>": true, "<OFX>": true, "<o:OFX xmlns:o='x'>": true,
		"<?xml version='1.0'?><!DOCTYPE OFX [": true, "<STMTTRNRS><TRNUID>": true, "<BANKMSGSRSV1>\n": true,
		"DATA:OFXSGML\nENCODING:UTF-8\n<OFX>": true, "VERSION:102\n\n<OFX>": true, "ENCODING:UTF-8\n<OFXX>": false, "ENCODING:UTF-8\nx\n": false,
		"HTTP/1.1 200 OK\r\nContent-Type: application/x-ofx\r\n\r\n" + header:          true,
		"--x\nContent-Type: text/xml\n\n<?xml version=\"1.0\"?><OFX>":                  true,
		"HTTP/1.1 200 OK\nContent-Type: text/xml\n\n<?xml version=\"1.0\"?><Document>": false,
		"MIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\n" + header:  false,
		"": false, "<": false, "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.02'>": false, "<OFXX>": false,
		"date,text\n1,OFXHEADER:100": false, ":20:OFXHEADER:": false, "<?xml version='1.0'?><html><OFX>": false, "x<OFX>": false,
	} {
		if got := ofx.Recognise([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
