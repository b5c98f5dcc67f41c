// Tests entries with details and statements with summaries: what is a fault, and what banks may state.

package aggregate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/project"
)

// faultOf converts one file and returns the fault of its only statement.
func faultOf(t *testing.T, text string) string {
	t.Helper()
	fault, statements := "", 0
	err := ConvertFile(&project.Project{}, "in.xml", "object", strings.NewReader(text), func(stream string, line []byte) error {
		if stream != project.StatementStream {
			return nil
		}
		statements++
		var row struct{ Fault string }
		err := json.Unmarshal(line, &row)
		fault = row.Fault
		return err
	})
	if err != nil || statements != 1 {
		t.Fatalf("%d statements, %v in %s", statements, err, text)
	}
	return fault
}

// camtWith is a statement that opens with 1000, closes with an amount, and has some XML after its balances.
func camtWith(closing, rest string) string {
	balance := func(code, amount string) string {
		return `<Bal><Tp><CdOrPrtry><Cd>` + code + `</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">` + amount + `</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2024-03-05</Dt></Dt></Bal>`
	}
	return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><CreDtTm>2024-03-05T20:00:00</CreDtTm></GrpHdr><Stmt><Id>S</Id>` +
		`<Acct><Id><Othr><Id>A1</Id></Othr></Id><Ccy>EUR</Ccy></Acct>` + balance("OPBD", "1000.00") + balance("CLBD", closing) + rest + `</Stmt></BkToCstmrStmt></Document>`
}

func camtEntry(amount, direction, rest string) string {
	return `<Ntry><Amt Ccy="EUR">` + amount + `</Amt><CdtDbtInd>` + direction + `</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2024-03-05</Dt></BookgDt>` + rest + `</Ntry>`
}

// TestChargesBesideDetails has entries that differ from the sum of their details by charges, or without a reason.
func TestChargesBesideDetails(t *testing.T) {
	t.Parallel()
	record := func(amount, direction, included string) string {
		return `<Rcrd><Amt Ccy="EUR">` + amount + `</Amt>` + direction + `<ChrgInclInd>` + included + `</ChrgInclInd></Rcrd>`
	}
	detail := func(amount, direction, rest string) string {
		return `<TxDtls><Amt Ccy="EUR">` + amount + `</Amt><CdtDbtInd>` + direction + `</CdtDbtInd>` + rest + `</TxDtls>`
	}
	const debit = `<CdtDbtInd>DBIT</CdtDbtInd>`
	of := func(details string) string { return `<NtryDtls>` + details + `</NtryDtls>` }
	for name, c := range map[string]struct {
		amount, direction, rest string
		fault                   bool
	}{
		"none":                     {"990", "CRDT", of(detail("1000", "CRDT", "")), true},
		"of the detail, in all":    {"990", "CRDT", of(detail("1000", "CRDT", `<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">10</TtlChrgsAndTaxAmt></Chrgs>`)), false},
		"of the detail, a record":  {"1526", "DBIT", of(detail("1500", "DBIT", `<Chrgs>`+record("26", debit, "false")+`</Chrgs>`)), false},
		"no direction":             {"990", "CRDT", of(detail("1000", "CRDT", `<Chrgs>`+record("10", "", "true")+`</Chrgs>`)), false},
		"the total beside records": {"990", "CRDT", of(detail("1000", "CRDT", `<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">99</TtlChrgsAndTaxAmt>`+record("4", debit, "true")+record("6", debit, "true")+`</Chrgs>`)), false},
		"some included":            {"996", "CRDT", of(detail("1000", "CRDT", `<Chrgs>`+record("4", debit, "true")+record("6", debit, "false")+`</Chrgs>`)), false},
		"some not":                 {"994", "CRDT", of(detail("1000", "CRDT", `<Chrgs>`+record("4", debit, "true")+record("6", debit, "false")+`</Chrgs>`)), false},
		"neither":                  {"995", "CRDT", of(detail("1000", "CRDT", `<Chrgs>`+record("4", debit, "true")+record("6", debit, "false")+`</Chrgs>`)), true},
		"the wrong way":            {"1010", "CRDT", of(detail("1000", "CRDT", `<Chrgs>`+record("10", debit, "true")+`</Chrgs>`)), true},
		"given back":               {"1010", "CRDT", of(detail("1000", "CRDT", `<Chrgs>`+record("10", `<CdtDbtInd>CRDT</CdtDbtInd>`, "true")+`</Chrgs>`)), false},
		"of the entry":             {"990", "CRDT", `<Chrgs><Amt Ccy="EUR">3</Amt></Chrgs><Chrgs><Amt Ccy="EUR">7</Amt>` + debit + `</Chrgs>` + of(detail("1000", "CRDT", "")), false},
		"of both":                  {"990", "CRDT", `<Chrgs><Amt Ccy="EUR">3</Amt></Chrgs>` + of(detail("1000", "CRDT", `<Chrgs><Amt Ccy="EUR">7</Amt></Chrgs>`)), false},
		"of several details": {"1985", "CRDT", of(detail("1000", "CRDT", `<Chrgs>`+record("10", debit, "true")+`</Chrgs>`) +
			detail("1000", "CRDT", `<Chrgs>`+record("5", debit, "true")+`</Chrgs>`)), false},
		"in another currency": {"990", "CRDT", of(detail("1000", "CRDT", `<Chrgs><Rcrd><Amt Ccy="USD">11</Amt></Rcrd></Chrgs>`)), false},
		"not in the entry":    {"1000", "CRDT", of(detail("1000", "CRDT", `<Chrgs>`+record("0.04", debit, "false")+`</Chrgs>`)), false},
		"as instructed":       {"990", "CRDT", of(`<TxDtls><AmtDtls><InstdAmt><Amt Ccy="EUR">1000</Amt></InstdAmt></AmtDtls></TxDtls>`), false},
		"as exchanged":        {"990", "CRDT", of(`<TxDtls><Amt Ccy="USD">1</Amt><AmtDtls><CntrValAmt><Amt Ccy="EUR">1000</Amt></CntrValAmt></AmtDtls></TxDtls>`), false},
		"as it was moved":     {"990", "CRDT", of(`<TxDtls><AmtDtls><TxAmt><Amt Ccy="EUR">1000</Amt></TxAmt></AmtDtls></TxDtls>`), true},
	} {
		closing := fmt.Sprint(1000 + atoi(t, c.amount))
		if c.direction == "DBIT" {
			closing = fmt.Sprint(3000 - atoi(t, c.amount))
			c.rest += `</Ntry>` + strings.TrimSuffix(camtEntry("2000", "CRDT", ""), "</Ntry>")
		}
		fault := faultOf(t, camtWith(closing, camtEntry(c.amount, c.direction, c.rest)))
		if strings.Contains(fault, "sum to") != c.fault || !c.fault && fault != "" {
			t.Errorf("%s: %q", name, fault)
		}
	}
}

func atoi(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSummaries has sums of debits with and without a sign.
func TestSummaries(t *testing.T) {
	t.Parallel()
	for summary, want := range map[string]string{
		`<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>-50.00</Sum></TtlDbtNtries>`:                                                         "",
		`<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>50</Sum></TtlDbtNtries>`:                                                             "",
		`<TtlNtries><TtlNetNtry><Amt>-50</Amt><CdtDbtInd>DBIT</CdtDbtInd></TtlNetNtry></TtlNtries>`:                                        "",
		`<TtlNtries><TtlNetNtryAmt>50</TtlNetNtryAmt><CdtDbtInd>DBIT</CdtDbtInd></TtlNtries>`:                                              "",
		`<TtlNtries><Sum>-50</Sum></TtlNtries><TtlCdtNtries><NbOfNtries>0</NbOfNtries><Sum>0</Sum></TtlCdtNtries>`:                         "",
		`<TtlNtries><TtlNetNtry><Amt>50</Amt><CdtDbtInd>CRDT</CdtDbtInd></TtlNetNtry></TtlNtries>`:                                         "sum of entries: the bank states 50, the statement lists -50.00",
		`<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>-51</Sum></TtlDbtNtries>`:                                                            "sum of debit entries: the bank states 51, the statement lists 50.00",
		`<TtlNtries><NbOfNtries>1</NbOfNtries><TtlNetNtry><Amt>-50</Amt><CdtDbtInd>CRDT</CdtDbtInd></TtlNetNtry></TtlNtries><TtlX></TtlX>`: "sum of entries: the bank states -50 CRDT, the statement lists -50.00",
	} {
		if got := faultOf(t, camtWith("950", `<TxsSummry>`+summary+`</TxsSummry>`+camtEntry("50", "DBIT", ""))); got != want {
			t.Errorf("%s: %q, want %q", summary, got, want)
		}
	}
}

// TestStatusAndReversal has a status of a bank's own, and a reversal whose detail is the reversed one.
func TestStatusAndReversal(t *testing.T) {
	t.Parallel()
	own := strings.Replace(camtEntry("100", "CRDT", ""), "<Sts>BOOK", "<Sts><Prtry>Posted</Prtry>", 1)
	pending := strings.Replace(camtEntry("7", "CRDT", ""), "BOOK", "pdng", 1)
	back := `<NtryDtls><TxDtls><Amt Ccy="EUR">20</Amt><CdtDbtInd>CRDT</CdtDbtInd></TxDtls></NtryDtls>`
	reversal := strings.Replace(camtEntry("20", "DBIT", back), "<Sts>", "<RvslInd>true</RvslInd><Sts>", 1)
	h := newFixture(t, "")
	h.send(camtWith("1080", own+pending+reversal))
	if got := states(h.judged("")[0].Intervals); got != "5 PROVEN" {
		t.Errorf("%s: %+v", got, h.judged("")[0].Intervals)
	}
	if got := strings.Join(h.stored("entries", "amount, status"), ", "); got != "-20.00000 BOOK, 100.00000 BOOK, 7.00000 PDNG" {
		t.Errorf("stored are %s", got)
	}
	if fault := faultOf(t, camtWith("980", camtEntry("20", "DBIT", back))); fault == "" {
		t.Error("an entry that is no reversal may be the opposite of its detail")
	}
}

// TestStatementInQuarantine has a statement with an invalid date: it is BROKEN, whether its account has other statements or not.
func TestStatementInQuarantine(t *testing.T) {
	t.Parallel()
	bad := strings.ReplaceAll(camtWith("1000.00", ""), "2024-03-05</Dt>", "2024-02-30</Dt>")
	h := newFixture(t, "weekdays")
	h.send(bad)
	for _, want := range []string{"BROKEN", "PROVEN BROKEN"} {
		accounts := h.judged("")
		got := ""
		for _, i := range accounts[0].Intervals {
			got += " " + string(i.State)
		}
		last := accounts[0].Intervals[len(accounts[0].Intervals)-1]
		if len(accounts) != 1 || accounts[0].Account != "A1" || got[1:] != want || !strings.Contains(last.Reason, "in quarantine: 1:") || accounts[0].States[completeness.Broken] != 1 {
			t.Errorf("%+v, want %s", accounts, want)
		}
		h.send(camtWith("1000.00", ""))
	}
}

// TestPreviousClosing has a statement that opens with another balance than the previous closing balance that it states.
func TestPreviousClosing(t *testing.T) {
	t.Parallel()
	for amount, want := range map[string]string{"1000": "", "900.00": "it opens with 1000.00, and states 900.00 as what closed before"} {
		text := camtWith("1000.00", "")
		bal := text[strings.Index(text, "<Bal>") : strings.Index(text, "</Bal>")+6]
		bal = strings.NewReplacer("OPBD", "PRCD", "1000.00", amount, "03-05", "03-04").Replace(bal)
		if got := faultOf(t, strings.Replace(text, "<Bal>", bal+"<Bal>", 1)); got != want {
			t.Errorf("%s: %q, want %q", amount, got, want)
		}
	}
}
