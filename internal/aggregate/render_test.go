// Renders the CAMT.053 and MT940 text of statements for tests.

package aggregate

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// sheet is one statement, or one page of it, to render.
type sheet struct {
	account, from, to string
	number, page      string // page is empty if there is only one
	last              bool   // it is the last page
	opening, closing  int64  // in cents
	opened            string // the date of the opening balance
	entries           []item
	name              string // of the message; a repetition changes it
}

// item is an entry to render.
type item struct {
	day       string
	cents     int64
	reference string
}

func cents(n int64) string {
	var s statement.Sum
	s.Add(fmt.Sprintf("%d.%02d", abs(n)/100, abs(n)%100))
	return s.String()
}

func abs(n int64) int64 { return max(n, -n) }

func side(n int64) string {
	if n < 0 {
		return "DBIT"
	}
	return "CRDT"
}

// camtOf renders sheets as one CAMT.053 file.
func camtOf(sheets ...sheet) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>%s</MsgId><CreDtTm>2024-05-01T%02d:00:00</CreDtTm></GrpHdr>`,
		sheets[0].name, len(sheets[0].name)%24)
	for _, s := range sheets {
		fmt.Fprintf(b, `<Stmt><Id>%s</Id>`, s.name)
		if s.page != "" {
			fmt.Fprintf(b, `<StmtPgntn><PgNb>%s</PgNb><LastPgInd>%t</LastPgInd></StmtPgntn>`, s.page, s.last)
		}
		fmt.Fprintf(b, `<ElctrncSeqNb>%s</ElctrncSeqNb><CreDtTm>2024-05-01T%02d:00:00</CreDtTm>`, s.number, len(s.name)%24)
		if s.from != s.to {
			fmt.Fprintf(b, `<FrToDt><FrDtTm>%sT00:00:00</FrDtTm><ToDtTm>%sT23:59:59</ToDtTm></FrToDt>`, s.from, s.to)
		}
		fmt.Fprintf(b, `<Acct><Id><Othr><Id>%s</Id></Othr></Id><Ccy>EUR</Ccy></Acct>`, s.account)
		open, closes := "OPBD", "CLBD"
		if s.page != "" && s.page != "1" {
			open = "ITBD"
		}
		if s.page != "" && !s.last {
			closes = "ITBD"
		}
		balance := func(code, day string, n int64) {
			fmt.Fprintf(b, `<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Dt><Dt>%s</Dt></Dt></Bal>`, code, cents(n), side(n), day)
		}
		balance(open, s.opened, s.opening)
		balance(closes, s.to, s.closing)
		for _, e := range s.entries {
			fmt.Fprintf(b, `<Ntry><Amt Ccy="EUR">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>%s</Dt></BookgDt>`, cents(e.cents), side(e.cents), e.day)
			if e.reference != "" {
				fmt.Fprintf(b, `<AcctSvcrRef>%s</AcctSvcrRef>`, e.reference)
			}
			b.WriteString(`<BkTxCd><Prtry><Cd>X</Cd></Prtry></BkTxCd></Ntry>`)
		}
		b.WriteString(`</Stmt>`)
	}
	b.WriteString(`</BkToCstmrStmt></Document>`)
	return b.String()
}

// mtOf renders sheets as one MT940 file.
func mtOf(sheets ...sheet) string {
	b := &strings.Builder{}
	for _, s := range sheets {
		page := s.page
		if page == "" {
			page = "1"
		}
		fmt.Fprintf(b, ":20:%.16s\r\n:25:%s\r\n:28C:%s/%s\r\n", s.name, s.account, s.number, page)
		open, closes := "60F", "62F"
		if s.page != "" && s.page != "1" {
			open = "60M"
		}
		if s.page != "" && !s.last {
			closes = "62M"
		}
		balance := func(tag, day string, n int64) {
			fmt.Fprintf(b, ":%s:%s%sEUR%s\r\n", tag, mtSide(n), mtDay(day), mtAmount(n))
		}
		balance(open, s.opened, s.opening)
		for _, e := range s.entries {
			fmt.Fprintf(b, ":61:%s%s%s%sNTRFNONREF", mtDay(e.day), mtDay(e.day)[2:], mtSide(e.cents), mtAmount(e.cents))
			if e.reference != "" {
				fmt.Fprintf(b, "//%s", e.reference)
			}
			b.WriteString("\r\n")
		}
		balance(closes, s.to, s.closing)
		b.WriteString("-\r\n")
	}
	return b.String()
}

func mtSide(n int64) string { return side(n)[:1] }

func mtDay(day string) string { return day[2:4] + day[5:7] + day[8:10] }

func mtAmount(n int64) string { return fmt.Sprintf("%d,%02d", abs(n)/100, abs(n)%100) }
