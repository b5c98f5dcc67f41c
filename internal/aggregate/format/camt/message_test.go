// Tests of small messages, one property each.

package camt_test

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/camt"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

const (
	header  = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><CreDtTm>2024-01-02T03:04:05</CreDtTm></GrpHdr>`
	trailer = `</BkToCstmrStmt></Document>`
	account = `<Acct><Id><Othr><Id>12 34</Id></Othr></Id><Ccy>EUR</Ccy></Acct>`
)

// inStatement returns a message with one statement; body follows its account.
func inStatement(body string) string {
	return header + `<Stmt><Id>S</Id>` + account + body + `</Stmt>` + trailer
}

// inEntry returns a message with one entry.
func inEntry(body string) string { return inStatement(`<Ntry>` + body + `</Ntry>`) }

// inDetail returns a message with one entry of 5 EUR and one detail.
func inDetail(body string) string {
	return inEntry(`<Amt Ccy="EUR">5</Amt><CdtDbtInd>CRDT</CdtDbtInd><NtryDtls><TxDtls>` + body + `</TxDtls></NtryDtls>`)
}

// readOne reads a message of one statement.
func readOne(t *testing.T, text string) statementtest.Statement {
	t.Helper()
	r := statementtest.NewRecorder(t)
	if err := camt.Read(strings.NewReader(text), r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if len(r.Statements) != 1 || !camt.Recognise([]byte(text)) {
		t.Fatalf("%s: %d statements", text, len(r.Statements))
	}
	return r.Statements[0]
}

func TestAmountsAndSigns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ body, amount, currency string }{
		{`<Amt Ccy="SEK">5.50</Amt><CdtDbtInd>CRDT</CdtDbtInd>`, "5.50", "SEK"},
		{`<Amt Ccy="SEK"> 005.5 </Amt><CdtDbtInd>DBIT</CdtDbtInd>`, "-5.5", "SEK"},
		{`<Amt Ccy="JPY">0</Amt><CdtDbtInd>DBIT</CdtDbtInd>`, "0", "JPY"},
		{`<Amt Ccy=" SEK ">7</Amt>`, "7", "SEK"},
		{`<Amt>7</Amt>`, "7", "EUR"},
		{`<Amt>-7</Amt>`, "-7", "EUR"},
		{`<Amt>7<!-- of --><![CDATA[.25]]></Amt>`, "7.25", "EUR"},
		{`<Amt>-7</Amt><CdtDbtInd>DBIT</CdtDbtInd>`, "-7 DBIT", "EUR"},
		{`<Amt>7</Amt><CdtDbtInd>C</CdtDbtInd>`, "7 C", "EUR"},
		{`<Amt>1.234,50</Amt><CdtDbtInd>DBIT</CdtDbtInd>`, "1.234,50", "EUR"},
		{`<Amt>1e5</Amt>`, "`1e5`", "EUR"},
		{`<CdtDbtInd>DBIT</CdtDbtInd>`, "", "EUR"},
		{`<Amt>7</Amt><CdtDbtInd>CRDT</CdtDbtInd><RvslInd>true</RvslInd>`, "7", "EUR"},
		{`<Amt>7</Amt><Chrgs><Amt>9</Amt></Chrgs><CdtDbtInd>DBIT</CdtDbtInd>`, "-7", "EUR"},
	} {
		e := readOne(t, inEntry(c.body)).Entries[0]
		if e.Amount != c.amount || e.Currency != c.currency || e.Reversal != strings.Contains(c.body, "RvslInd") {
			t.Errorf("%s: %q %s, reversal %v; want %q %s", c.body, e.Amount, e.Currency, e.Reversal, c.amount, c.currency)
		}
	}
}

func TestDetailAmounts(t *testing.T) {
	t.Parallel()
	other := `<AmtDtls><InstdAmt><Amt Ccy="USD">8</Amt></InstdAmt><TxAmt><Amt Ccy="CHF">7</Amt></TxAmt><CntrValAmt><Amt Ccy="EUR">6</Amt></CntrValAmt></AmtDtls>`
	for _, c := range []struct{ body, amount, currency string }{
		{``, "5", "EUR"},
		{`<CdtDbtInd>DBIT</CdtDbtInd>`, "-5", "EUR"},
		{`<Amt Ccy="EUR">4</Amt>` + other, "4", "EUR"},
		{`<Amt Ccy="SEK">4</Amt>` + other, "6", "EUR"},
		{`<Amt Ccy="SEK">4</Amt><CdtDbtInd>DBIT</CdtDbtInd>`, "-4", "SEK"},
		{strings.ReplaceAll(other, "EUR", "GBP"), "7", "CHF"},
		{`<AmtDtls><InstdAmt><Amt Ccy="USD">8</Amt></InstdAmt></AmtDtls>`, "8", "USD"},
		{`<Amt>3</Amt>`, "3", "EUR"},
	} {
		d := readOne(t, inDetail(c.body)).Entries[0].Details[0]
		if d.Amount != c.amount || d.Currency != c.currency {
			t.Errorf("%s: %q %s, want %q %s", c.body, d.Amount, d.Currency, c.amount, c.currency)
		}
	}
	several := readOne(t, inEntry(`<Amt>5</Amt><NtryDtls><TxDtls/></NtryDtls><NtryDtls><TxDtls><Amt>2</Amt></TxDtls></NtryDtls>`)).Entries[0]
	if d := several.Details; len(d) != 2 || d[0].Amount != "" || d[1].Amount != "2" || several.Amount != "5" {
		t.Errorf("several details without an amount are read as %+v", d)
	}
}

func TestOtherSide(t *testing.T) {
	t.Parallel()
	parties := func(debtor, creditor string) string {
		return `<RltdPties><Dbtr><Nm>D</Nm></Dbtr><DbtrAcct><Id><Othr><Id>` + debtor + `</Id></Othr></Id></DbtrAcct>` +
			`<UltmtDbtr><Nm>UD</Nm></UltmtDbtr><UltmtCdtr><Pty><Nm>UC</Nm></Pty></UltmtCdtr><CdtrAcct><Id><IBAN>` + creditor + `</IBAN></Id></CdtrAcct></RltdPties>` +
			`<RltdAgts><DbtrAgt><FinInstnId><BICFI>DBIC</BICFI></FinInstnId></DbtrAgt>` +
			`<CdtrAgt><FinInstnId><ClrSysMmbId><MmbId>100</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt></RltdAgts>`
	}
	for _, c := range []struct{ body, party, peer, bank string }{
		{parties("1", "2 2"), "D", "1", "DBIC"},
		{`<CdtDbtInd>DBIT</CdtDbtInd>` + parties("1", "2 2"), "UC", "22", "100"},
		{parties("12 34", "2"), "UC", "2", "100"},
		{`<CdtDbtInd>DBIT</CdtDbtInd>` + strings.ReplaceAll(parties("1", "12 34"), "IBAN>", "BBAN>"), "D", "1", "DBIC"},
		{strings.ReplaceAll(parties("12 34", "12 34"), "IBAN>", "BBAN>"), "D", "12 34", "DBIC"},
	} {
		e := readOne(t, inDetail(c.body)).Entries[0]
		if d := e.Details[0]; d.Party != c.party || d.Peer != c.peer || d.Bank != c.bank || e.Party != d.Party || e.Peer != d.Peer {
			t.Errorf("%s: %q %q %q, want %q %q %q", c.body, d.Party, d.Peer, d.Bank, c.party, c.peer, c.bank)
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id, account string
		iban        bool
	}{
		{`<IBAN>DE89 3704 0044 0532 0130 00</IBAN>`, "DE89370400440532013000", true},
		{`<Othr><Id>GB82 WEST 1234 5698 7654 32</Id></Othr>`, "GB82WEST12345698765432", true},
		{`<Othr><Id>GB83 WEST 1234 5698 7654 32</Id></Othr>`, "GB83 WEST 1234 5698 7654 32", false},
		{`<Othr><Id>123456789012345678</Id></Othr>`, "123456789012345678", false},
		{`<PrtryAcct><Id>7/8</Id></PrtryAcct>`, "7/8", false},
		{`<BBAN>0001</BBAN>`, "0001", false},
		{`<UPIC>0002</UPIC>`, "0002", false},
	} {
		s := readOne(t, header+`<Stmt><Acct><Id>`+c.id+`</Id><Svcr><FinInstnId><CmbndId><BIC>B</BIC></CmbndId></FinInstnId></Svcr></Acct></Stmt>`+trailer)
		if s.Account != c.account || s.IBAN != c.iban || s.Servicer != "B" || s.Created != "2024-01-02T03:04:05" {
			t.Errorf("%s: %q, IBAN %v, of %q", c.id, s.Account, s.IBAN, s.Servicer)
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<Dt>2024-02-30</Dt>": "2024-02-30", "<Dt>2024-01-01+02:00</Dt>": "2024-01-01", "<Dt>2024-01-01Z</Dt>": "2024-01-01",
		"<DtTm>2024-01-01T23:59:59.999-11:00</DtTm>": "2024-01-01", "<Dt>01.02.2024</Dt>": "01.02.2024", "<Dt>2024-1-1</Dt>": "2024-1-1",
		"<Dt>2024-01-01 noon</Dt>": "2024-01-01 noon", "<Dt>20240101T000000</Dt>": "20240101T000000", "": "",
	} {
		e := readOne(t, inEntry(`<BookgDt>`+text+`</BookgDt><ValDt>`+text+`</ValDt>`)).Entries[0]
		if e.Booked != want || e.Value != want {
			t.Errorf("%s: %q and %q, want %q", text, e.Booked, e.Value, want)
		}
	}
}

func TestStatedTotals(t *testing.T) {
	t.Parallel()
	total := `<TtlNtries><NbOfNtries>3</NbOfNtries><Sum>30.00</Sum>`
	credits := `<TtlCdtNtries><NbOfNtries>2</NbOfNtries><Sum>20.0</Sum></TtlCdtNtries>`
	none := `<NbOfNtries>0</NbOfNtries>`
	for _, c := range []struct {
		body string
		want statement.Totals
	}{
		{
			total + `<TtlNetNtryAmt>10</TtlNetNtryAmt><CdtDbtInd>DBIT</CdtDbtInd></TtlNtries>` + credits + `<TtlDbtNtries><Sum>1</Sum></TtlDbtNtries>`,
			statement.Totals{Count: "3", Sum: "-10", CreditCount: "2", CreditSum: "20.0", DebitSum: "1"},
		},
		{total + `<TtlNetNtry><Amt>10</Amt><CdtDbtInd>CRDT</CdtDbtInd></TtlNetNtry></TtlNtries>`, statement.Totals{Count: "3", Sum: "10"}},
		{total + `</TtlNtries>` + credits, statement.Totals{Count: "3", CreditCount: "2", CreditSum: "20.0"}},
		{total + `</TtlNtries><TtlDbtNtries>` + none + `</TtlDbtNtries>`, statement.Totals{Count: "3", Sum: "30.00", DebitCount: "0"}},
		{total + `</TtlNtries><TtlCdtNtries>` + none + `</TtlCdtNtries>`, statement.Totals{Count: "3", Sum: "-30.00", CreditCount: "0"}},
		{``, statement.Totals{}},
	} {
		if got := readOne(t, inStatement(`<TxsSummry>`+c.body+`</TxsSummry>`)).Stated; got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.body, got, c.want)
		}
	}
}

func TestBatchesAndTexts(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		``: "", `<NtryDtls><Btch/></NtryDtls>`: "", `<Btch><NbOfTxs>20</NbOfTxs></Btch>`: "20",
		`<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch><TxDtls/></NtryDtls><NtryDtls><Btch><NbOfTxs>3</NbOfTxs></Btch></NtryDtls>`: "5",
		`<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch></NtryDtls><NtryDtls><Btch><NbOfTxs>many</NbOfTxs></Btch></NtryDtls>`:       "many",
	} {
		if e := readOne(t, inEntry(body+`<AddtlNtryInf>why</AddtlNtryInf>`)).Entries[0]; e.Operations != want || e.Text != "why" {
			t.Errorf("%s: %q operations, text %q; want %q", body, e.Operations, e.Text, want)
		}
	}
	reference := `<Strd><CdtrRefInf><Ref>R</Ref></CdtrRefInf></Strd>`
	for body, want := range map[string]string{
		`<RmtInf><Ustrd>a</Ustrd><Ustrd> b &amp; c </Ustrd>` + reference + `</RmtInf><AddtlTxInf>x</AddtlTxInf>`: "a b & c",
		`<RmtInf>` + reference + reference + `</RmtInf><AddtlTxInf>x</AddtlTxInf>`:                               "R R",
		`<AddtlTxInf>x</AddtlTxInf>`: "x", ``: "",
	} {
		if d := readOne(t, inDetail(body)).Entries[0].Details[0]; d.Text != want {
			t.Errorf("%s: %q, want %q", body, d.Text, want)
		}
	}
}

func TestBalances(t *testing.T) {
	t.Parallel()
	s := readOne(t, inStatement(`<Bal><Tp><CdOrPrtry><Prtry>OWN</Prtry></CdOrPrtry><SubTp><Cd>S</Cd></SubTp></Tp>`+
		`<CdtLine><Incl>true</Incl><Amt Ccy="USD">1</Amt></CdtLine><Amt Ccy="EUR">2</Amt><CdtDbtInd>DBIT</CdtDbtInd>`+
		`<Dt><DtTm>2024-01-01T00:00:00+14:00</DtTm></Dt><Avlbty><Amt Ccy="GBP">3</Amt><CdtDbtInd>CRDT</CdtDbtInd></Avlbty></Bal>`+
		"\n<Bal><Tp><Cd>CLBD</Cd></Tp></Bal>"))
	want := []statement.Balance{
		{Place: s.Balances[0].Place, Code: "OWN", Subtype: "S", Amount: "-2", Currency: "EUR", Date: "2024-01-01"},
		{Place: statement.Place{Line: 2, Column: 1}, Code: "CLBD", Currency: "EUR"},
	}
	if len(s.Balances) != 2 || s.Balances[0] != want[0] || s.Balances[1] != want[1] {
		t.Errorf("\n got %+v\nwant %+v", s.Balances, want)
	}
}

// TestAccountSpellings reads one account in several spellings.
func TestAccountSpellings(t *testing.T) {
	t.Parallel()
	for _, id := range []string{`<IBAN>DE89370400440532013000</IBAN>`, `<IBAN>de89 3704 0044 0532 0130 00</IBAN>`, `<Othr><Id>De89 3704 0044 0532 0130 00</Id></Othr>`} {
		if s := readOne(t, header+`<Stmt><Id>S</Id><Acct><Id>`+id+`</Id></Acct></Stmt>`+trailer); s.Account != "DE89370400440532013000" || !s.IBAN {
			t.Errorf("%s is account %s, IBAN %v", id, s.Account, s.IBAN)
		}
	}
}

// TestMessagePages reads pages of messages, in versions whose statements have no pages.
func TestMessagePages(t *testing.T) {
	t.Parallel()
	for pagination, want := range map[string]string{
		"": " false", "<PgNb>1</PgNb><LastPgInd>true</LastPgInd>": " false", "<PgNb>1</PgNb><LastPgInd>false</LastPgInd>": "1 true", "<PgNb>2</PgNb><LastPgInd>true</LastPgInd>": "2 true",
	} {
		text := strings.Replace(inStatement(""), "</CreDtTm></GrpHdr>", "</CreDtTm><MsgPgntn>"+pagination+"</MsgPgntn></GrpHdr>", 1)
		if s := readOne(t, text); fmt.Sprint(s.Page, " ", s.Partial) != want {
			t.Errorf("%s: page %q, part %v; want %s", pagination, s.Page, s.Partial, want)
		}
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"NONREF": "", "NotProvided": "", " 2024 17 ": "2024 17", "NONREF1": "NONREF1"} {
		if e := readOne(t, inEntry(`<Amt>5</Amt><AcctSvcrRef>`+text+`</AcctSvcrRef>`)).Entries[0]; e.Reference != want {
			t.Errorf("%q is %q, want %q", text, e.Reference, want)
		}
	}
}

// TestCounterValues reads entries in another currency than the account's.
func TestCounterValues(t *testing.T) {
	t.Parallel()
	const (
		usd     = `<Amt Ccy="USD">100.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>`
		own     = `<AmtDtls><CntrValAmt><Amt Ccy="EUR">91.20</Amt></CntrValAmt></AmtDtls>`
		balance = `<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="%s">10</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2024-01-02</Dt></Dt></Bal>`
		detail  = `<TxDtls><AmtDtls><TxAmt><Amt Ccy="USD">100.00</Amt></TxAmt><CntrValAmt><Amt Ccy="EUR">91.20</Amt></CntrValAmt></AmtDtls></TxDtls>`
		bare    = `<NtryDtls><TxDtls><Refs><TxId>1</TxId></Refs></TxDtls></NtryDtls>`
		several = `<NtryDtls><TxDtls><Amt Ccy="EUR">41.20</Amt></TxDtls><TxDtls><Amt Ccy="EUR">50.00</Amt></TxDtls></NtryDtls>`
	)
	for _, c := range []struct{ name, balances, entry, want string }{
		{"the account's currency", "", usd + own, "-91.20 EUR"},
		{"and a transaction without an amount", "", usd + own + bare, "-91.20 EUR: -91.20 EUR"},
		{"and several transactions", "", usd + own + several, "-91.20 EUR: -41.20 EUR -50.00 EUR"},
		{"of the only transaction", "", usd + `<NtryDtls>` + detail + `</NtryDtls>`, "-91.20 EUR: -91.20 EUR"},
		{"of several transactions", "", usd + `<NtryDtls>` + detail + detail + `</NtryDtls>`, "-100.00 USD: -100.00 USD -100.00 USD"},
		{"in a third currency", "", usd + strings.Replace(own, "EUR", "CHF", 1), "-100.00 USD"},
		{"next to an amount in the account's currency", "", strings.Replace(usd, "USD", "EUR", 1) + strings.Replace(own, "EUR", "USD", 1), "-100.00 EUR"},
		{"of an account of both", fmt.Sprintf(balance, "EUR") + fmt.Sprintf(balance, "USD"), usd + own, "-100.00 USD"},
		{"none", "", usd, "-100.00 USD"},
	} {
		s := readOne(t, inStatement(c.balances+`<Ntry>`+c.entry+`</Ntry>`))
		e := s.Entries[0]
		got := e.Amount + " " + e.Currency
		for i, d := range e.Details {
			if i == 0 {
				got += ":"
			}
			got += " " + d.Amount + " " + d.Currency
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	text := strings.Replace(inStatement(fmt.Sprintf(balance, "EUR")+`<Ntry>`+usd+own+`</Ntry>`), "<Ccy>EUR</Ccy>", "", 1)
	if e := readOne(t, text).Entries[0]; e.Amount != "-91.20" || e.Currency != "EUR" {
		t.Errorf("by the balance's currency: %+v", e)
	}
}
