// Tests statements in pages, and reports of what came since the last one.

package aggregate

import (
	"strings"
	"testing"
)

// testPage is one page of a statement, or a report.
type testPage struct {
	head            string // within <GrpHdr>
	page            string // within <Stmt>
	opening         string // code and amount of the balances; empty if there is none
	closing         string
	summary         string
	entries         []string
	number, account string
}

const firstOfTwo, lastOfTwo = `<StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>`, `<StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>`

func (p testPage) camt(kind string) string {
	message, part := "BkToCstmrStmt", "Stmt"
	if kind == "052" {
		message, part = "BkToCstmrAcctRpt", "Rpt"
	}
	b := &strings.Builder{}
	b.WriteString(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.` + kind + `.001.08"><` + message + `><GrpHdr><CreDtTm>2024-05-02T20:00:00</CreDtTm>` + p.head +
		`</GrpHdr><` + part + `><Id>S</Id>` + p.page + `<ElctrncSeqNb>` + p.number + `</ElctrncSeqNb><CreDtTm>2024-05-02T20:00:00</CreDtTm>` +
		`<Acct><Id><Othr><Id>A1</Id></Othr></Id><Ccy>EUR</Ccy>` + p.account + `</Acct>`)
	for _, balance := range []string{p.opening, p.closing} {
		if code, amount, ok := strings.Cut(balance, " "); ok {
			b.WriteString(`<Bal><Tp><CdOrPrtry><Cd>` + code + `</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">` + amount + `</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2024-05-02</Dt></Dt></Bal>`)
		}
	}
	b.WriteString(p.summary)
	for _, amount := range p.entries {
		b.WriteString(strings.ReplaceAll(camtEntry(amount, "CRDT", ""), "2024-03-05", "2024-05-02"))
	}
	b.WriteString(`</` + part + `></` + message + `></Document>`)
	return b.String()
}

// TestPages has statements of one page and of two pages, as banks split them.
func TestPages(t *testing.T) {
	t.Parallel()
	const whole = `<TxsSummry><TtlCdtNtries><NbOfNtries>3</NbOfNtries><Sum>5.00</Sum></TtlCdtNtries></TxsSummry>`
	message := func(page, last string) string {
		return `<MsgPgntn><PgNb>` + page + `</PgNb><LastPgInd>` + last + `</LastPgInd></MsgPgntn>`
	}
	for name, c := range map[string]struct {
		first, second testPage
		want          string
	}{
		"each with its own balances":     {testPage{page: firstOfTwo, opening: "OPBD 10", closing: "ITBD 13"}, testPage{page: lastOfTwo, opening: "ITBD 13", closing: "CLBD 15"}, "2 PROVEN, 2 PROVEN"},
		"each with those of the whole":   {testPage{page: firstOfTwo, opening: "OPBD 10", closing: "CLBD 15"}, testPage{page: lastOfTwo, opening: "OPBD 10", closing: "CLBD 15"}, "2 PROVEN"},
		"one at each end":                {testPage{page: firstOfTwo, opening: "OPBD 10"}, testPage{page: lastOfTwo, closing: "CLBD 15"}, "2 PROVEN"},
		"the whole's, wrong":             {testPage{page: firstOfTwo, opening: "OPBD 10", closing: "CLBD 16"}, testPage{page: lastOfTwo, opening: "OPBD 10", closing: "CLBD 16"}, "2 BROKEN"},
		"one at each end, wrong":         {testPage{page: firstOfTwo, opening: "OPBD 10"}, testPage{page: lastOfTwo, closing: "CLBD 14"}, "2 BROKEN"},
		"their own, wrong":               {testPage{page: firstOfTwo, opening: "OPBD 10", closing: "ITBD 14"}, testPage{page: lastOfTwo, opening: "ITBD 14", closing: "CLBD 16"}, "2 BROKEN, 2 PROVEN"},
		"a summary of the whole on each": {testPage{page: firstOfTwo, opening: "OPBD 10", closing: "ITBD 13", summary: whole}, testPage{page: lastOfTwo, opening: "ITBD 13", closing: "CLBD 15", summary: whole}, "2 PROVEN"},
		"pages of messages":              {testPage{head: message("1", "false"), opening: "OPBD 10", closing: "CLBD 15"}, testPage{head: message("2", "true"), opening: "OPBD 10", closing: "CLBD 15"}, "2 PROVEN"},
		"pages of messages, own":         {testPage{head: message("1", "false"), opening: "OPBD 10", closing: "ITBD 13"}, testPage{head: message("2", "true"), opening: "ITBD 13", closing: "CLBD 15"}, "2 PROVEN, 2 PROVEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "")
			c.first.number, c.first.entries = "7", []string{"1", "2"}
			c.second.number, c.second.entries = "7", []string{"2"}
			h.send(c.second.camt("053"))
			if c.first.closing != "ITBD 13" && c.first.closing != "ITBD 14" {
				if got := states(h.judged("")[0].Intervals); strings.Contains(got, "PROVEN") {
					t.Errorf("the second page alone is %s", got)
				}
			}
			h.send(c.first.camt("053"))
			h.send(c.first.camt("053"), c.second.camt("053")+"\n")
			if got := states(h.judged("")[0].Intervals); got != c.want || h.quarantined() > 0 {
				t.Errorf("%s with %d rows in quarantine, want %s: %+v", got, h.quarantined(), c.want, h.judged("")[0].Intervals)
			}
			if got := len(h.stored("entries", "amount")); got != 3 {
				t.Errorf("%d entries are stored", got)
			}
		})
	}
}

// TestReports has reports through a day, each with the day's opening balance and an interim balance: with all entries
// so far, or with those since the previous report. Only a closing balance must match the entries.
func TestReports(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		second testPage
		want   string
	}{
		"so far":      {testPage{opening: "OPBD 10", closing: "ITBD 13", entries: []string{"1", "2"}}, "2 PROVEN, 2 PROVEN"},
		"since":       {testPage{opening: "OPBD 10", closing: "ITBD 13", entries: []string{"2"}}, "2 CLAIMED, 2 PROVEN"},
		"at the end":  {testPage{opening: "OPBD 10", closing: "CLBD 13", entries: []string{"1", "2"}}, "2 PROVEN, 2 PROVEN"},
		"not at all":  {testPage{opening: "OPBD 10", closing: "CLBD 13", entries: []string{"2"}}, "2 BROKEN, 2 PROVEN"},
		"no balances": {testPage{entries: []string{"2"}}, "2 CLAIMED, 2 PROVEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "")
			first := testPage{number: "1", opening: "OPBD 10", closing: "ITBD 11", entries: []string{"1"}}
			c.second.number = "2"
			h.send(first.camt("052"), c.second.camt("052"))
			if got := sorted(h.judged("")[0].Intervals); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestBalancesOfEachDay has a statement of several days with the balances of each day, the newest first.
func TestBalancesOfEachDay(t *testing.T) {
	t.Parallel()
	text := camtWith("1100.00", camtEntry("100", "CRDT", "")+strings.ReplaceAll(camtEntry("50", "CRDT", ""), "03-05", "03-06"))
	later := strings.NewReplacer("1000.00", "1100.00", "1100.00", "1150.00", "03-05", "03-06").Replace(text[strings.Index(text, "<Bal>"):strings.Index(text, "<Ntry>")])
	if fault := faultOf(t, strings.Replace(text, "<Bal>", later+"<Bal>", 1)); fault != "" {
		t.Error(fault)
	}
}

// TestCorrectedStatement has a statement of a day, another of the same day with another amount, and that of the next
// day, which opens with the closing balance of one of the two.
func TestCorrectedStatement(t *testing.T) {
	t.Parallel()
	for _, follows := range []int64{1300, 1600} {
		h := newFixture(t, "")
		page := sheetOf("1", 1, 1000, item{day: day(1), cents: 300, reference: "R"})
		corrected := sheetOf("1", 1, 1000, item{day: day(1), cents: 600, reference: "S"})
		next := sheetOf("2", 2, follows, item{day: day(2), cents: 5, reference: "T"})
		for i, s := range []*sheet{&page, &corrected, &next} {
			s.account, s.name = "A1", string(rune('a'+i))
		}
		h.send(camtOf(next), camtOf(corrected), camtOf(page))
		intervals := h.judged("")[0].Intervals
		if got := states(intervals); got != "1 PROVEN, 2 PROVEN" {
			t.Errorf("%d: %s: %+v", follows, got, intervals)
		}
	}
}

// TestBanksWithoutBIC distinguishes two accounts with the same number by whatever names the bank.
func TestBanksWithoutBIC(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	var files []string
	for _, servicer := range []string{`<Othr><Id>BANK1</Id></Othr>`, `<LEI>529900T8BM49AURSDO55</LEI>`, `<Nm>Bank Two</Nm>`} {
		files = append(files, testPage{
			number: "1", opening: "OPBD 10", closing: "CLBD 11", entries: []string{"1"},
			account: `<Svcr><FinInstnId>` + servicer + `</FinInstnId></Svcr>`,
		}.camt("053"))
	}
	h.send(files...)
	got := ""
	for _, a := range h.judged("") {
		got += a.Servicer + " " + states(a.Intervals) + "; "
	}
	if got != "529900T8BM49AURSDO55 2 PROVEN; BANK1 2 PROVEN; Bank Two 2 PROVEN; " {
		t.Error(got)
	}
}

// TestPageAloneIsCheckedByItsBalances has statements that are marked as the last page of a message, as some banks mark
// every statement: a fault is reported with both figures, unless other pages complete the statement.
func TestPageAloneIsCheckedByItsBalances(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ closing, want, reason string }{
		{"CLBD 13.00", "2 PROVEN", ""},
		{"CLBD 13.50", "2 BROKEN", "opening 10 and 2 entries of 3.00 make 13.00, the closing balance is 13.50: 0.50 is missing"},
	} {
		h := newFixture(t, "")
		text := testPage{head: `<MsgPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></MsgPgntn>`, number: "7", opening: "OPBD 10", closing: c.closing, entries: []string{"1", "2"}}.camt("053")
		partFaults := strings.Join(h.send(text).Files[0].Parts[0].Faults, "")
		got := h.judged("")[0].Intervals
		if states(got) != c.want || got[0].Reason != c.reason || !strings.Contains(partFaults, c.reason) || c.reason == "" && partFaults != "" {
			t.Errorf("%s: %+v; the import says %q", c.closing, got, partFaults)
		}
	}
}

// pageOf is a page of an MT940 statement: number, opening and closing balance with their tags, and the amounts of its
// entries, each with its day of March 2024.
func pageOf(number, opening, closing string, entries ...string) string {
	var b strings.Builder
	balance := func(text string) {
		tag, rest, _ := strings.Cut(text, " ")
		day, amount, _ := strings.Cut(rest, " ")
		b.WriteString(":" + tag + ":C2403" + day + "EUR" + amount + ",00\n")
	}
	b.WriteString(":20:STARTUMS\n:25:A1\n:28C:" + number + "\n")
	balance(opening)
	for _, e := range entries {
		day, amount, _ := strings.Cut(e, " ")
		b.WriteString(":61:2403" + day + "03" + day + "C" + amount + ",00NMSCNONREF\n:86:166?20x\n")
	}
	balance(closing)
	return b.String() + "-\n"
}

// TestPagesOfDays has MT940 statements in pages over several days, and missing pages.
func TestPagesOfDays(t *testing.T) {
	t.Parallel()
	next := pageOf("2/1", "60F 05 10", "62F 06 12", "06 2")
	for name, c := range map[string]struct {
		pages  []string
		want   string
		reason string
	}{
		"Friday to Monday": {[]string{pageOf("1/1", "60F 01 1", "62M 05 4", "04 1", "05 2"), pageOf("1/2", "60M 05 4", "62F 05 10", "05 6")}, "2–5 PROVEN, 6 PROVEN", ""},
		"three": {[]string{
			pageOf("1/1", "60F 01 1", "62M 05 4", "04 1", "05 2"), pageOf("1/2", "60M 05 4", "62M 05 4"),
			pageOf("1/3", "60M 05 4", "62F 05 10", "05 6"),
		}, "2–5 PROVEN, 6 PROVEN", ""},
		"of one number":      {[]string{pageOf("1", "60F 01 1", "62M 05 4", "04 1", "05 2"), pageOf("1", "60M 05 4", "62F 05 10", "05 6")}, "2–5 PROVEN, 6 PROVEN", ""},
		"of numbers of each": {[]string{pageOf("7", "60F 04 1", "62M 05 4", "05 3"), pageOf("8", "60M 05 4", "62F 05 10", "05 6")}, "5 PROVEN, 5 PROVEN, 6 PROVEN", ""},
		"one that is wrong": {
			[]string{pageOf("1/1", "60F 01 1", "62M 05 4", "04 1", "05 3"), pageOf("1/2", "60M 05 4", "62F 05 10", "05 6")},
			"2–5 BROKEN, 6 PROVEN",
			"opening 1.00 and 2 entries of 4.00 make 5.00, the closing balance is 4.00: -1.00 is missing",
		},
		"the first alone": {
			[]string{pageOf("1/1", "60F 01 1", "62M 05 10", "04 7", "05 2")},
			"2–5 BROKEN, 6 PROVEN",
			"page 2 of statement 1 is missing: page 1 closes with the interim balance 10.00",
		},
		"the last alone": {
			[]string{pageOf("1/2", "60M 05 4", "62F 05 10", "05 6")},
			"5 BROKEN, 6 PROVEN",
			"page 1 of statement 1 is missing: page 2 opens with the interim balance 4.00",
		},
		"the one in the middle": {
			[]string{pageOf("1/1", "60F 01 1", "62M 05 4", "04 3"), pageOf("1/3", "60M 05 5", "62F 05 10", "05 5")},
			"2–5 BROKEN, 6 PROVEN",
			"page 2 of statement 1 is missing: page 1 closes with the interim balance 4.00; page 2 of statement 1 is missing: page 3 opens with the interim balance 5.00",
		},
		"one in the middle that moves nothing": {
			[]string{pageOf("1/1", "60F 01 1", "62M 05 4", "04 3"), pageOf("1/3", "60M 05 4", "62F 05 10", "05 6")},
			"2–5 BROKEN, 6 PROVEN",
			"page 2 of statement 1 is missing: page 1 closes with the interim balance 4.00; page 2 of statement 1 is missing: page 3 opens with the interim balance 4.00",
		},
		"without a number of the page": {
			[]string{pageOf("1", "60F 01 1", "62M 05 10", "04 7", "05 2")},
			"2–5 BROKEN, 6 PROVEN",
			"the next page of statement 1 is missing: this page closes with the interim balance 10.00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, apart := range []bool{false, true} {
				h := newFixture(t, "")
				if apart {
					for i := len(c.pages) - 1; i >= 0; i-- {
						h.send(c.pages[i])
					}
					h.send(next)
				} else {
					h.send(strings.Join(c.pages, "") + next)
				}
				intervals := h.judged("")[0].Intervals
				var reasons []string
				for _, i := range intervals {
					if i.Reason != "" {
						reasons = append(reasons, i.Reason)
					}
				}
				if got := sorted(intervals); got != c.want || strings.Join(reasons, "; ") != c.reason {
					t.Errorf("%s, want %s: %q", got, c.want, reasons)
				}
			}
		})
	}
}

// TestMissingLastPage has CAMT pages whose files announce another page.
func TestMissingLastPage(t *testing.T) {
	t.Parallel()
	message := func(last string) string {
		return `<MsgPgntn><PgNb>1</PgNb><LastPgInd>` + last + `</LastPgInd></MsgPgntn>`
	}
	for name, c := range map[string]struct {
		page   testPage
		want   string
		reason string
	}{
		"with the balances of the page": {testPage{page: firstOfTwo, opening: "OPBD 10", closing: "ITBD 13"}, "2 BROKEN", "page 2 of statement 7 is missing: page 1 closes with the interim balance 13.00"},
		"with a closing balance":        {testPage{page: firstOfTwo, opening: "OPBD 10", closing: "CLBD 13"}, "2 BROKEN", "page 2 of statement 7 is missing: page 1 closes with the interim balance 13.00"},
		"without balances":              {testPage{page: firstOfTwo}, "2 BROKEN", "page 2 of statement 7 is missing: page 1 is said not to be the last"},
		"of a message":                  {testPage{head: message("false"), opening: "OPBD 10", closing: "ITBD 13"}, "2 BROKEN", "page 2 of statement 7 is missing: page 1 closes with the interim balance 13.00"},
		"of a message, without an end":  {testPage{head: message("false"), opening: "OPBD 10"}, "2 BROKEN", "page 2 of statement 7 is missing: page 1 is said not to be the last"},
		"of a message, whole":           {testPage{head: message("false"), opening: "OPBD 10", closing: "CLBD 13"}, "2 PROVEN", ""},
		"the last":                      {testPage{head: message("true"), opening: "OPBD 10", closing: "ITBD 13"}, "2 PROVEN", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "")
			c.page.number, c.page.entries = "7", []string{"1", "2"}
			h.send(c.page.camt("053"))
			if got := h.judged("")[0].Intervals; sorted(got) != c.want || got[0].Reason != c.reason {
				t.Errorf("%+v, want %s %s", got, c.want, c.reason)
			}
		})
	}
}
