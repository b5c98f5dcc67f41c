package ofx_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"bursar/internal/aggregate/ofx"
	"bursar/internal/aggregate/statement"
	"bursar/internal/aggregate/statement/statementtest"
	"bursar/internal/failure"
)

const header = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\n\n"

// bank wraps entries into a statement.
func bank(entries string) string {
	return header + "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>B<ACCTID>A</BANKACCTFROM>" +
		"<BANKTRANLIST>" + entries + "</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
}

func read(t *testing.T, text string) (*statementtest.Recorder, error) {
	t.Helper()
	r := statementtest.NewRecorder(t)
	err := statementtest.Guarded(t, []byte(text), ofx.Read, r)
	return r, err
}

// TestEntries reads one entry, however it is written.
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
		"its own currency":   {"<TRNAMT>1<CURRENCY><CURRATE>1.1<CURSYM>usd</CURRENCY>", statement.Entry{Amount: "1", Currency: "USD"}},
		"converted":          {"<TRNAMT>1<ORIGCURRENCY><CURRATE>1.1<CURSYM>USD</ORIGCURRENCY>", statement.Entry{Amount: "1"}},
		"filler for a name":  {"<FITID>0", statement.Entry{Reference: "0"}},
		"corrects":           {"<CORRECTFITID>7<CORRECTACTION>DELETE<MEMO>m", statement.Entry{Text: "CORRECTACTION:DELETE CORRECTFITID:7 m"}},
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
		"namespace":          {"<o:MEMO>m</o:MEMO>", statement.Entry{Text: "m"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := read(t, bank("<STMTTRN>"+c.text+"</STMTTRN><STMTTRN><TRNAMT>5"))
			if err != nil || len(r.Statements) != 1 || len(r.Statements[0].Entries) != 2 {
				t.Fatalf("%v: %+v", err, r.Statements)
			}
			got := r.Statements[0].Entries[0].Entry
			got.Place = statement.Place{}
			if c.want.Currency == "" {
				c.want.Currency = "EUR"
			}
			if got != c.want {
				t.Errorf("told\n%+v, want\n%+v", got, c.want)
			}
			if next := r.Statements[0].Entries[1].Amount; next != "5" {
				t.Errorf("the next entry is of %q", next)
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
		r, err := read(t, bank("<STMTTRN><TRNAMT>"+text+"</STMTTRN>"))
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
		r, err := read(t, bank("<STMTTRN><DTPOSTED>"+text+"</STMTTRN>"))
		if err != nil || r.Statements[0].Entries[0].Booked != want {
			t.Errorf("%q is read as %q, want %q: %v", text, r.Statements[0].Entries[0].Booked, want, err)
		}
	}
}

// TestStatements reads statements around entries.
func TestStatements(t *testing.T) {
	t.Parallel()
	r, err := read(t, "\ufeff<?xml version='1.0' encoding='ISO-8859-2'?><?OFX OFXHEADER=\"200\" VERSION=\"211\"?>\n<OFX>"+
		"<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20240201080000</SONRS></SIGNONMSGSRSV1>"+
		"<BANKMSGSRSV1><STMTTRNRS><TRNUID>u<STATUS><CODE>0</STATUS><STMTRS><CURDEF>eur<BANKACCTFROM><ACCTID>DE89 3704 0044 0532 0130 00</BANKACCTFROM>"+
		"<BANKTRANLIST><DTSTART>20240101<DTEND>20240131235959[-5:EST]<STMTTRN><TRNAMT>1<MEMO>\xb1</STMTTRN>"+
		"<STMTTRN><TRNAMT>2<STMTTRN><TRNAMT>3</BANKTRANLIST>"+
		"<LEDGERBAL><BALAMT>1,00<DTASOF>20240131120000[+1:CET]<AVAILBAL><BALAMT>x<DTASOF>2024</AVAILBAL>"+
		"<BALLIST><BAL><NAME>limit<DESC><BALTYPE>DOLLAR<VALUE>9</BAL></BALLIST>"+
		"<BANKTRANLISTP><DTASOF>20240201<STMTTRNP><DTTRAN>20240201<TRNAMT>7</STMTTRNP></BANKTRANLISTP>"+
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
		t.Errorf("told\n%+v, want\n%+v", s.Statement, want)
	}
	told := fmt.Sprint(len(s.Entries), s.Entries[0].Text, s.Entries[1].Amount, s.Entries[2].Amount, s.Entries[3].Status, s.Entries[3].Booked)
	if told != "4ą23PDNG2024-02-01" {
		t.Errorf("entries: %s: %+v", told, s.Entries)
	}
	told = fmt.Sprint(s.Balances[0].Code, s.Balances[0].Amount, s.Balances[0].Date, s.Balances[1].Code, s.Balances[1].Amount, s.Balances[1].Date)
	if told != "CLBD1.002024-01-31CLAVx2024" {
		t.Errorf("balances: %s", told)
	}
	if s := r.Statements[1]; s.Currency != "" || s.Created != "2024-02-01T08:00:00" || len(s.Entries) != 0 {
		t.Errorf("an empty statement is told as %+v", s)
	}
	told = fmt.Sprint(r.Notices)
	if !strings.Contains(told, "balance [{name limit} {type DOLLAR} {value 9}]") {
		t.Errorf("notices: %s", told)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ header, format, text string }{
		"none":            {"", "ofx", "é"},
		"one line":        {"OFXHEADER:100DATA:OFXSGMLVERSION:151SECURITY:NONEENCODING:USASCIICHARSET:850COMPRESSION:NONEOLDFILEUID:NONE", "ofx 1.5.1", "Ú"},
		"blanks":          {"OFXHEADER: 100 VERSION : 102 CHARSET:8859-2 ", "ofx 1.0.2", "é"},
		"an unknown one":  {"OFXHEADER:100\nVERSION:x\nCHARSET:NONE\n", "ofx", "é"},
		"says utf-8":      {"OFXHEADER:100\nVERSION:103\nENCODING:UTF-8\nCHARSET:NONE\n", "ofx 1.0.3", "é"},
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

// TestRefused names what is wrong and where.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, where, why string }{
		"empty":               {"", "1:1", "no statement"},
		"another format":      {"a,b\n1,2\n", "1:1", "no statement"},
		"ends in an entry":    {"<OFX>\n<STMTRS><STMTTRN>\n<TRNAMT>1", "3:10", "within the <STMTTRN> that begins at 2:9"},
		"ends without an end": {"<OFX><STMTRS></STMTRS>", "1:23", "within the <OFX>"},
		"ends in a comment":   {"<OFX><!-- ", "1:6", "within <!--"},
		"ends in cdata":       {"<OFX><STMTRS><CURDEF><![CDATA[x", "1:22", "within <![CDATA["},
		"document type":       {`<!DOCTYPE OFX [<!ENTITY a "b">]><OFX></OFX>`, "1:1", "document types"},
		"entity":              {`<OFX><!entity a "b"></OFX>`, "1:6", "entities"},
		"an entry alone":      {"<OFX>\n <STMTTRN><TRNAMT>1</STMTTRN></OFX>", "2:2", "outside of a statement"},
		"a late account":      {"<OFX><STMTRS><STMTTRN></STMTTRN><BANKACCTFROM><ACCTID>1</BANKACCTFROM></OFX>", "1:33", "after its entries"},
		"too deep":            {"<OFX>" + strings.Repeat("<X>", 100), "1:195", "more than 64 elements"},
		"too many in one":     {"<OFX><STMTRS><STMTTRN>" + strings.Repeat("<X/>", 5000), "1:14", "more than 4096 elements"},
		"too much in one":     {"<OFX><STMTRS><STMTTRN>" + strings.Repeat("<X>"+strings.Repeat("y", 1<<20-9), 5), "1:14", "elements or 4194304 bytes"},
		"a request":           {"<OFX><SIGNONMSGSRQV1><SONRQ><DTCLIENT>1</SONRQ></SIGNONMSGSRQV1></OFX>", "1:1", "no statement"},
		"a refusal":           {"<OFX><SONRS><STATUS><CODE>15500<MESSAGE>no</STATUS></SONRS></OFX>", "1:6", "code 15500, severity : no"},
	} {
		_, err := read(t, c.text)
		var refused *statement.Error
		if !errors.As(err, &refused) || refused.Place.String() != c.where || !strings.Contains(refused.Reason, c.why) {
			t.Errorf("%s: %v, want %s: … %s", name, err, c.where, c.why)
		}
	}
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		header: true, "\ufeff \r\n" + header: true, "OFXHEADER:100DATA:OFXSGML": true, "DATA:OFXSGML\nOFXHEADER:100": true,
		"<?xml version=\"1.0\"?>\n<?OFX OFXHEADER=\"200\"?>": true, "<!-- x --><ofx>": true, "<OFX>": true, "<o:OFX xmlns:o='x'>": true,
		"<?xml version='1.0'?><!DOCTYPE OFX [": true, "<STMTTRNRS><TRNUID>": true, "<BANKMSGSRSV1>\n": true,
		"": false, "<": false, "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.02'>": false, "<OFXX>": false,
		"date,text\n1,OFXHEADER:100": false, ":20:OFXHEADER:": false, "<?xml version='1.0'?><html><OFX>": false, "x<OFX>": false,
	} {
		if got := ofx.Recognise([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestFailingReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	for _, text := range []string{"", "<OFX>", "<OFX><STMTRS><!-- ", "<OFX><STMTRS><"} {
		err := ofx.Read(io.MultiReader(strings.NewReader(text), &failing{broken}), statementtest.NewRecorder(t))
		if !errors.Is(err, broken) || failure.Of(err) != failure.Bug {
			t.Errorf("after %q: %v", text, err)
		}
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// TestEndlessValueIsRefusedUnkept counts what is allocated for a value of 100 MB, wherever it may stand.
func TestEndlessValueIsRefusedUnkept(t *testing.T) {
	for _, before := range []string{"", "<OFX><STMTRS><STMTTRN><MEMO>", "<OFX><STMTRS><STMTTRN><MEMO><![CDATA[", "<?OFX ", "<OFX></OFX>"} {
		endless := io.LimitReader(&repeated{}, 100<<20)
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		err := ofx.Read(io.MultiReader(strings.NewReader(before), endless), statementtest.NewRecorder(t))
		runtime.ReadMemStats(&end)
		var refused *statement.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, "more than 1048576 bytes") || refused.Place.Line != 1 {
			t.Errorf("after %q: %v", before, err)
		}
		if used := end.TotalAlloc - start.TotalAlloc; used > 16<<20 {
			t.Errorf("after %q: %d bytes were allocated", before, used)
		}
	}
}

type repeated struct{}

func (*repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		header, bank("<STMTTRN><TRNAMT>1<MEMO>a & b < c</STMTTRN>"), bank("<STMTTRN><MEMO><![CDATA[x]]></MEMO><X><Y>1</X></STMTTRN>"),
		"<?xml version='1.0'?><?OFX VERSION=\"200\"?><OFX><SONRS><STATUS><CODE>1<SEVERITY>ERROR</STATUS></SONRS></OFX>",
		"<OFX><INVSTMTRS><INVTRANLIST><BUYMF><INVBUY><INVTRAN><FITID>1</INVTRAN><SECID><UNIQUEID>x</SECID></INVBUY></BUYMF></INVTRANLIST>" +
			"<INVPOSLIST><POSMF><UNITS>1</POSMF></INVPOSLIST><INVBAL><AVAILCASH>1<BALLIST><BAL><NAME>n<VALUE>1</BAL></BALLIST></INVBAL></INVSTMTRS>" +
			"<SECLIST><STOCKINFO><SECINFO><SECNAME>s</SECINFO></STOCKINFO></SECLIST></OFX>",
		"<OFX><ACCTINFO><DESC>d<BANKACCTINFO><BANKACCTFROM><ACCTID>1</BANKACCTFROM></BANKACCTINFO></ACCTINFO></OFX>",
		"<OFX><STMTRS><BANKTRANLISTP><STMTTRNP><TRNAMT>1,5</BANKTRANLISTP><LEDGERBAL><BALAMT>1<DTASOF>20240101[-5.5:X]</STMTRS></OFX>",
		"<OFX><!-- --><!DOCTYPE", "<OFX><A><B></A></B><a:b c='d'/>&#x41;",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ofx.Recognise(text)
		_ = statementtest.Guarded(t, text, ofx.Read, statementtest.NewRecorder(t))
	})
}

// sink takes everything and keeps nothing.
type sink struct{ entries int }

func (*sink) Begin(*statement.Statement) error { return nil }
func (*sink) Balance(*statement.Balance) error { return nil }
func (s *sink) Entry(*statement.Entry) error   { s.entries++; return nil }
func (*sink) Detail(*statement.Detail) error   { return nil }
func (*sink) EndEntry() error                  { return nil }
func (*sink) End() error                       { return nil }
func (*sink) Notice(*statement.Notice) error   { return nil }

func BenchmarkRead(b *testing.B) {
	const n = 20_000
	open := "<STMTTRN>\n<TRNTYPE>POS\n<DTPOSTED>20090401122017.000[-5:EST]\n<TRNAMT>-6.60\n<FITID>0000123456782009040100001\n" +
		"<NAME>MCDONALD'S #112\n<MEMO>POS MERCHANDISE;MCDONALD'S #112\n</STMTTRN>\n"
	closed := "<STMTTRN><TRNTYPE>POS</TRNTYPE><DTPOSTED>20090401122017.000[-5:EST]</DTPOSTED><TRNAMT>-6.60</TRNAMT>" +
		"<FITID>0000123456782009040100001</FITID><NAME>R&amp;D</NAME><MEMO>POS MERCHANDISE</MEMO></STMTTRN>"
	for name, entry := range map[string]string{"sgml": open, "xml": closed} {
		text := bank(strings.Repeat(entry, n))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s := &sink{}
				if err := ofx.Read(strings.NewReader(text), s); err != nil || s.entries != n {
					b.Fatal(err, s.entries)
				}
			}
		})
	}
}
