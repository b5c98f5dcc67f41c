// Tests statements with rows in quarantine, and statements that are in quarantine themselves.

package aggregate

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// ofxOf is a download with entries from the third to a day, each "day amount id memo".
func ofxOf(to, ledger string, entries ...string) string {
	var list strings.Builder
	for _, e := range entries {
		f := strings.Fields(e)
		fmt.Fprintf(&list, "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>202405%s<TRNAMT>%s<FITID>%s<MEMO>%s</STMTTRN>", f[0], f[1], f[2], f[3])
	}
	return "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>B<ACCTID>A1</BANKACCTFROM>" +
		"<BANKTRANLIST><DTSTART>20240503<DTEND>202405" + to + list.String() + "</BANKTRANLIST>" +
		"<LEDGERBAL><BALAMT>" + ledger + "<DTASOF>202405" + to + "</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
}

// TestChangedTextKeepsStatement downloads an account again some days later, with other texts of the same payments.
func TestChangedTextKeepsStatement(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, again string
		quarantined int
		broken      string
	}{
		{"the same", "03 -1.50 F1 coffee", 0, ""},
		{"other words", "03 -1.50 F1 COFFEE-SHOP", 1, ""},
		{"other digits of the same amount", "03 -1.5 F1 COFFEE-SHOP", 1, ""},
		{"another amount", "03 -1.51 F1 coffee", 1, "1 of its rows are in quarantine"},
		{"another day", "04 -1.50 F1 coffee", 1, "1 of its rows are in quarantine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "")
			h.send(ofxOf("04", "98.50", "03 -1.50 F1 coffee"))
			h.send(ofxOf("06", "108.50", c.again, "06 10.00 F2 refund"))
			if n := h.quarantined(); n != c.quarantined {
				t.Errorf("%d rows are in quarantine, want %d", n, c.quarantined)
			}
			var broken []string
			for _, i := range h.judged("")[0].Intervals {
				if i.State == completeness.Broken {
					broken = append(broken, i.Reason)
				}
			}
			if got := strings.Join(broken, "; "); c.broken == "" && got != "" || !strings.Contains(got, c.broken) {
				t.Errorf("broken is %q, want %q", got, c.broken)
			}
			if rows := h.stored("entries", "reference, amount"); len(rows) != 2 {
				t.Errorf("stored are %q", rows)
			}
		})
	}
}

// TestChangedDetailsTextKeepsStatement has a longer statement with other texts, or other facts, of an entry's transactions.
func TestChangedDetailsTextKeepsStatement(t *testing.T) {
	t.Parallel()
	const statement = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>%s</Id><Acct><Id><Othr><Id>A1</Id></Othr></Id><Ccy>EUR</Ccy></Acct>` +
		`<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">0</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2024-05-03</Dt></Dt></Bal>` +
		`<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">5</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>%s</Dt></Dt></Bal>` +
		`<Ntry><Amt Ccy="EUR">5</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2024-05-03</Dt></BookgDt><AcctSvcrRef>R</AcctSvcrRef><NtryDtls>` +
		`<TxDtls><Amt Ccy="EUR">%s</Amt><AddtlTxInf>%s</AddtlTxInf></TxDtls><TxDtls><Amt Ccy="EUR">%s</Amt></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>`
	for _, c := range []struct{ first, words, second, want string }{
		{"2", "rent", "3", "3 PROVEN, 3–4 PROVEN"},
		{"2", "RENT", "3", "3 PROVEN, 3–4 PROVEN"},
		{"1", "rent", "4", "3 PROVEN, 3–4 BROKEN"},
	} {
		h := newFixture(t, "")
		h.send(fmt.Sprintf(statement, "S1", "2024-05-03", "2", "rent", "3"))
		h.send(fmt.Sprintf(statement, "S2", "2024-05-04", c.first, c.words, c.second))
		if got := states(h.judged("")[0].Intervals); got != c.want {
			t.Errorf("%v: %s, %d rows in quarantine", c, got, h.quarantined())
		}
	}
}

// TestStatementOfNoAccount has a file of two statements, of which one does not name its account.
func TestStatementOfNoAccount(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	named := pageOf("1", "60F 01 1", "62F 05 4", "04 1", "05 2")
	text := named + strings.Replace(pageOf("2", "60F 05 4", "62F 06 6", "06 2"), ":25:A1\n", "", 1)
	for range 2 {
		if untaken := h.send(text).Files[0].Parts[0].Quarantined; untaken != "1 of its 2 statements name no account (:25:) and are in quarantine" {
			t.Errorf("the import says %q", untaken)
		}
		accounts := h.judged("")
		if len(accounts) != 2 || states(accounts[0].Intervals) != "2–5 PROVEN" || accounts[1].Account != "" || accounts[1].States[completeness.Broken] == 0 ||
			!strings.HasPrefix(accounts[1].Intervals[0].Reason, "no account: ") {
			t.Errorf("%+v", accounts)
		}
	}
}
