// Tests of bank dialects, repeated FITIDs, other currencies and missing tags.

package ofx_test

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/ofx"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// dialects are one complete statement in the forms of different banks, with an entry of -5.00 and a balance of 10.00.
var dialects = map[string]string{
	"a header of two lines": "DATA:OFXSGML\nENCODING:UTF-8\n" + sgml,
	"no header":             sgml,
	"response of a server":  "HTTP/1.1 200 OK\r\nContent-Type: application/x-ofx; charset=utf-8\r\nDate: Mon, 1 Jan 2024 08:00:00 GMT\r\n\r\n" + header + sgml,
	"a part of a mail": "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"x\"\n\n--x\nContent-Type: application/x-ofx\n\n" +
		header + sgml + "\n--x--\n",
	"a header with blank lines":   strings.ReplaceAll(header, "\n", "\r\n\r\n") + strings.ReplaceAll(sgml, "<", "\r\n  <"),
	"values that are closed":      strings.NewReplacer("<FITID>7", "<FITID>7</FITID>", "-5.00", "-5.00</TRNAMT>").Replace(sgml),
	"lists that are not closed":   strings.NewReplacer("</STMTTRN>", "", "</STMTTRNRS>", "", "</BANKMSGSRSV1>", "").Replace(sgml),
	"entries that are not closed": strings.NewReplacer("</STMTTRN>", "", "</BANKTRANLIST>", "").Replace(sgml),
	"the wrong end":               strings.NewReplacer("<STMTTRN>", "<STMTTRN>", "<STMT", "<CCSTMT", "BANKACCTFROM", "CCACCTFROM").Replace(sgml),
	"lower case":                  strings.ToLower(sgml),
	"UTF-16":                      "\xff\xfe" + strings.Join(strings.Split(header+sgml, ""), "\x00") + "\x00",
	"a response that is not read": strings.Replace(sgml, "<STMTTRNRS>", "<LOANSTMTTRNRS><LOANSTMTRS><CURDEF>USD<X><STMTTRN><TRNAMT>9</STMTTRN></X></LOANSTMTRS></LOANSTMTTRNRS><STMTTRNRS>", 1),
	"a namespace and attributes":  strings.NewReplacer("</", "</o:", "<", "<o:", "<OFX>", `<o:OFX xmlns:o="x">`).Replace(sgml),
	"a root with a blank": `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE"?>` +
		strings.Replace(sgml, "<OFX>", "<OFX >", 1),
	"padded amounts":           strings.NewReplacer("-5.00", "\n      -5,00\n", "10.00", "   +10.00 ").Replace(sgml),
	"moments":                  strings.NewReplacer("<DTPOSTED>20240105", "<DTPOSTED>20240105120000.000[-3:BRT]", "20240131", "20240131235959.999[+05.50:IST]").Replace(sgml),
	"a failed response before": strings.Replace(sgml, "<STMTTRNRS>", "<STMTTRNRS><TRNUID>1<STATUS><CODE>2003<SEVERITY>ERROR</STATUS></STMTTRNRS><STMTTRNRS>", 1),
}

const sgml = "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>1<ACCTID>2</BANKACCTFROM><BANKTRANLIST><DTSTART>20240101<DTEND>20240131" +
	"<STMTTRN><DTPOSTED>20240105<TRNAMT>-5.00<FITID>7</STMTTRN></BANKTRANLIST><LEDGERBAL><BALAMT>10.00<DTASOF>20240131</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"

func TestDialects(t *testing.T) {
	t.Parallel()
	for name, text := range dialects {
		if !ofx.Recognise([]byte(text)) {
			t.Errorf("%s is not recognised", name)
		}
		r, err := read(t, text)
		if err != nil || len(r.Statements) != 1 {
			t.Errorf("%s: %v: %+v", name, err, r.Statements)
			continue
		}
		s, got := &r.Statements[0], ""
		for _, e := range s.Entries {
			got += fmt.Sprint(e.Booked, " ", e.Amount, " ", e.Currency, " ", e.Reference, "; ")
		}
		for _, b := range s.Balances {
			got += fmt.Sprint(b.Date, " ", b.Code, " ", b.Amount, "; ")
		}
		got = strings.NewReplacer("-5.00", "-5", "10.00", "10").Replace(fmt.Sprint(s.Servicer, " ", s.Account, " ", s.From, " ", s.To, ": ", got))
		if want := "1 2 2024-01-01 2024-01-31: 2024-01-05 -5 USD 7; 2024-01-31 CLBD 10; "; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
}

// TestRepeatedReferences checks FITIDs that name several entries: entries with different content are different
// entries; identical ones count once and make a fault.
func TestRepeatedReferences(t *testing.T) {
	t.Parallel()
	const payment = "<STMTTRN><DTPOSTED>20240105<TRNAMT>-5.00<FITID>7<NAME>a</STMTTRN>"
	for _, c := range []struct{ name, entries, want string }{
		{"names", payment + strings.Replace(payment, ">7", ">8", 1), "-5.00 true; -5.00 true; "},
		{"a fee of the same name", payment + strings.Replace(payment, "-5.00", "-0.15", 1), "-5.00 true; -0.15 false; "},
		{"another day", payment + strings.Replace(payment, "0105", "0106", 1) + payment, "-5.00 true; -5.00 false; -5.00 true; FITID 7 names two entries of -5.00 that say the same: they count once"},
		{"other words", payment + strings.Replace(payment, ">a", ">b", 1), "-5.00 true; -5.00 false; "},
		{"all the same", payment + payment, "-5.00 true; -5.00 true; FITID 7 names two entries of -5.00 that say the same: they count once"},
		{"no name", strings.Repeat(strings.Replace(payment, "<FITID>7", "", 1), 2), "-5.00 false; -5.00 false; "},
		{"announced, then booked", payment + "<BANKTRANLISTP>" + payment + "</BANKTRANLISTP>", "-5.00 true; -5.00 false; "},
		{"NONE for a name of each", strings.Replace(payment, ">7", ">NONE", 1) + strings.NewReplacer(">7", ">NONE", "5.00", "6.00").Replace(payment), "-5.00 true; -6.00 false; "},
		{"another statement", payment + "</BANKTRANLIST></STMTRS></STMTTRNRS><STMTTRNRS><STMTRS><BANKTRANLIST>" + payment, "-5.00 true; -5.00 true; "},
	} {
		r, err := read(t, bankFile(c.entries))
		got := ""
		for i := range r.Statements {
			for _, e := range r.Statements[i].Entries {
				got += fmt.Sprint(e.Amount, " ", e.Unique && !e.Shared, "; ")
			}
			got += r.Statements[i].Fault
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.name, err, got, c.want)
		}
	}
}

// TestBalanceWithoutDate checks that a date of zeros is a missing date, and that the balance is reported.
func TestBalanceWithoutDate(t *testing.T) {
	t.Parallel()
	r, err := read(t, strings.Replace(sgml, "<DTASOF>20240131", "<DTASOF>00000000", 1))
	if err != nil || len(r.Statements) != 1 || len(r.Statements[0].Balances) != 1 || r.Statements[0].Balances[0].Date != "" {
		t.Errorf("%v: %+v", err, r.Statements)
	}
}

// TestOtherCurrencies checks that entries in other currencies are reported in separate statements of the same
// account.
func TestOtherCurrencies(t *testing.T) {
	t.Parallel()
	entry := func(n int, currency string) string {
		return fmt.Sprintf("<STMTTRN><DTPOSTED>20240105<TRNAMT>%d<FITID>%d%s</STMTTRN>", n, n, currency)
	}
	text := bankFile(entry(1, "") + entry(2, "<CURRENCY><CURRATE>1.1<CURSYM>USD</CURRENCY>") + entry(3, "<CURRENCY>gbp</CURRENCY>") +
		entry(4, "<ORIGCURRENCY><CURRATE>1.1<CURSYM>USD</ORIGCURRENCY>") + entry(5, "<CURRENCY><CURSYM>usd</CURRENCY>"))
	r, err := read(t, text)
	var got []string
	for i := range r.Statements {
		s := &r.Statements[i]
		got = append(got, s.Account, s.Currency)
		for _, e := range s.Entries {
			got = append(got, e.Amount+e.Currency)
		}
	}
	if joined := strings.Join(got, " "); err != nil || joined != "A EUR 1EUR 4EUR A USD 2USD 5USD A GBP 3GBP" {
		t.Errorf("%v: %s", err, joined)
	}
	statementtest.CheckHandlerErrors(t, []byte(text), ofx.Read)
	if r, err := read(t, strings.Replace(text, "<CURDEF>EUR", "<CURDEF>", 1)); err != nil || len(r.Statements) != 1 || len(r.Statements[0].Entries) != 5 {
		t.Errorf("without a currency of the statement: %v: %+v", err, r.Statements)
	}
	memo := "<CURRENCY>USD</CURRENCY><MEMO>" + strings.Repeat("x", 1<<19)
	_, err = read(t, bankFile(strings.Repeat(entry(1, memo), 140)))
	if err == nil || !strings.Contains(err.Error(), "more than 67108864 bytes of entries in other currencies") {
		t.Errorf("too many: %v", err)
	}
}

// TestMissingStartTag checks that a file is refused in which an element has an end tag but no start tag, because its
// values would be read as another element's.
func TestMissingStartTag(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"OFX", "BANKMSGSRSV1", "STMTTRNRS", "STMTRS", "BANKACCTFROM", "BANKTRANLIST", "STMTTRN", "LEDGERBAL"} {
		want := "</" + tag + "> does not close an open element"
		if tag == "STMTRS" {
			want = "<STMTTRN> outside of a statement"
		}
		r, err := read(t, strings.Replace(sgml, "<"+tag+">", "", 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without <%s>: %v: %+v", tag, err, r.Statements)
		}
	}
}
