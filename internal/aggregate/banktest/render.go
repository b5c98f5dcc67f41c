// Writes the same entries as CAMT, MT940, OFX and CSV files.

package banktest

import (
	"fmt"
	"slices"
	"strings"
)

// Institution returns the declaration of the bank, with its CSV mapping.
func (b *Books) Institution() string {
	reference := ""
	if b.References {
		reference = ", reference: Ref"
	}
	fitids := ""
	if b.Temporary {
		fitids = "fitids: temporary\n"
	}
	return "institution: bank\naccounts: [\"A*\"]\n" + fitids + "csv:\n  delimiter: \";\"\n  decimal: \",\"\n  date: \"%Y-%m-%d\"\n  account: A1\n  currency: EUR\n" +
		"  columns: {booked: Day, amount: Amount, text: Text" + reference + "}\n"
}

// Suffix is the suffix of the file names.
func (b *Books) Suffix() string {
	return map[string]string{"camt": "xml", "mt": "sta", "ofx": "ofx", "csv": "csv"}[b.Format]
}

// Texts returns the content of each file.
func (b *Books) Texts(files []Export) (texts []string) {
	write := map[string]func(Export) string{"camt": b.camt, "mt": b.mt, "ofx": b.ofx, "csv": b.csv}
	for _, f := range files {
		if f.newestFirst && f.format != "mt" {
			f.lines = slices.Clone(f.lines)
			slices.Reverse(f.lines)
		}
		texts = append(texts, write[f.format](f))
	}
	return texts
}

// amount formats an absolute amount, with two decimals or with as few as it needs.
func (e *Export) amount(n int64, point string) string {
	text := cents(n)
	if e.short {
		text = strings.TrimRight(text, "0")
		if point == "." {
			text = strings.TrimSuffix(text, ".")
		}
	}
	return strings.Replace(text, ".", point, 1)
}

// page is a page of a statement; first and last say whether it begins and ends the statement.
type page struct {
	lines            []Line
	opening, closing int64
	first, last      bool
}

func (e *Export) pages() []page {
	if e.page == 0 {
		return []page{{e.lines, e.opening, e.closing, true, true}}
	}
	middle := e.opening
	for _, l := range e.lines[:e.page] {
		middle += l.cents
	}
	return []page{{e.lines[:e.page], e.opening, middle, true, false}, {e.lines[e.page:], middle, e.closing, false, true}}
}

var camtMessages = map[string]struct{ number, root, element string }{
	"":             {"camt.053", "BkToCstmrStmt", "Stmt"},
	"report":       {"camt.052", "BkToCstmrAcctRpt", "Rpt"},
	"notification": {"camt.054", "BkToCstmrDbtCdtNtfctn", "Ntfctn"},
}

func (b *Books) camt(e Export) string {
	var s strings.Builder
	m := camtMessages[e.message]
	fmt.Fprintf(&s, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:%s.001.02"><%s><GrpHdr><MsgId>%s</MsgId><CreDtTm>2024-05-01T0%d:00:00</CreDtTm></GrpHdr>`,
		m.number, m.root, e.name, len(e.lines)%10)
	for n, p := range e.pages() {
		fmt.Fprintf(&s, `<%s><Id>%s</Id>`, m.element, e.name)
		if e.page > 0 {
			fmt.Fprintf(&s, `<StmtPgntn><PgNb>%d</PgNb><LastPgInd>%t</LastPgInd></StmtPgntn>`, n+1, p.last)
		}
		if e.number > 0 {
			fmt.Fprintf(&s, `<ElctrncSeqNb>%d</ElctrncSeqNb>`, e.number)
		}
		fmt.Fprintf(&s, `<CreDtTm>2024-05-01T0%d:00:00</CreDtTm><FrToDt><FrDtTm>%sT00:00:00</FrDtTm><ToDtTm>%sT23:59:59</ToDtTm></FrToDt><Acct><Id><Othr><Id>A1</Id></Othr></Id><Ccy>EUR</Ccy></Acct>`,
			len(e.lines)%10, day(e.From), day(e.To))
		codes := [2]string{"OPBD", "CLBD"}
		if !p.first {
			codes[0] = "ITBD"
		}
		if !p.last || e.message == "report" {
			codes[1] = "ITBD"
		}
		for i, n := range []int64{p.opening, p.closing} {
			if e.message == "notification" {
				continue
			}
			fmt.Fprintf(&s, `<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Dt><Dt>%s</Dt></Dt></Bal>`,
				codes[i], e.amount(n, "."), side(n), day([]int{e.From, e.To}[i]))
		}
		for _, l := range p.lines {
			fmt.Fprintf(&s, `<Ntry><Amt Ccy="EUR">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>%s</Dt></BookgDt>`, e.amount(l.cents, "."), side(l.cents), day(l.day))
			if l.reference != "" {
				fmt.Fprintf(&s, `<AcctSvcrRef>%s</AcctSvcrRef>`, l.reference)
			}
			fmt.Fprintf(&s, `<BkTxCd><Prtry><Cd>X</Cd></Prtry></BkTxCd><AddtlNtryInf>%s</AddtlNtryInf></Ntry>`, l.text)
		}
		fmt.Fprintf(&s, `</%s>`, m.element)
	}
	fmt.Fprintf(&s, `</%s></Document>`, m.root)
	return s.String()
}

func (b *Books) mt(e Export) string {
	var s strings.Builder
	for n, p := range e.pages() {
		fmt.Fprintf(&s, ":20:%s\r\n:25:A1\r\n:28C:%d/%d\r\n", e.name, e.number, n+1)
		tags := [2]string{"60F", "62F"}
		if !p.first {
			tags[0] = "60M"
		}
		if !p.last {
			tags[1] = "62M"
		}
		fmt.Fprintf(&s, ":%s:%s%sEUR%s\r\n", tags[0], mtSide(p.opening), mtDay(day(e.From)), e.amount(p.opening, ","))
		for _, l := range p.lines {
			fmt.Fprintf(&s, ":61:%s%s%s%sNTRFNONREF", mtDay(day(l.day)), mtDay(day(l.day))[2:], mtSide(l.cents), e.amount(l.cents, ","))
			if l.reference != "" {
				fmt.Fprintf(&s, "//%s", b.truncateReference(l.reference))
			}
			fmt.Fprintf(&s, "\r\n:86:%s\r\n", l.text)
		}
		fmt.Fprintf(&s, ":%s:%s%sEUR%s\r\n-\r\n", tags[1], mtSide(p.closing), mtDay(day(e.To)), e.amount(p.closing, ","))
	}
	return s.String()
}

func (b *Books) ofx(e Export) string {
	var s strings.Builder
	compact := func(n int) string { return strings.ReplaceAll(day(n), "-", "") }
	fmt.Fprintf(&s, "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><TRNUID>%s<STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>B<ACCTID>A1</BANKACCTFROM><BANKTRANLIST><DTSTART>%s<DTEND>%s",
		e.name, compact(e.From), compact(e.To))
	for n, l := range e.lines {
		if b.Temporary {
			l.reference = fmt.Sprint(e.name, n)
		}
		fmt.Fprintf(&s, "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>%s<TRNAMT>%s%s<FITID>%s<MEMO>%s</STMTTRN>", compact(l.day), sign(l.cents), e.amount(l.cents, "."), l.reference, l.text)
	}
	fmt.Fprintf(&s, "</BANKTRANLIST><LEDGERBAL><BALAMT>%s%s<DTASOF>%s</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>", sign(e.closing), e.amount(e.closing, "."), compact(e.To))
	return s.String()
}

func (b *Books) csv(e Export) string {
	var s strings.Builder
	s.WriteString("Day;Amount;Text")
	if b.References {
		s.WriteString(";Ref")
	}
	s.WriteString("\n")
	for _, l := range e.lines {
		fmt.Fprintf(&s, "%s;%s%s;%s", day(l.day), sign(l.cents), e.amount(l.cents, ","), l.text)
		if b.References {
			s.WriteString(";" + l.reference)
		}
		s.WriteString("\n")
	}
	return s.String()
}

func day(n int) string { return fmt.Sprintf("2024-03-%02d", n) }

func cents(n int64) string { return fmt.Sprintf("%d.%02d", abs(n)/100, abs(n)%100) }

func sign(n int64) string {
	if n < 0 {
		return "-"
	}
	return ""
}

func abs(n int64) int64 { return max(n, -n) }

func side(n int64) string {
	if n < 0 {
		return "DBIT"
	}
	return "CRDT"
}

func mtSide(n int64) string { return side(n)[:1] }

func mtDay(day string) string { return day[2:4] + day[5:7] + day[8:10] }
