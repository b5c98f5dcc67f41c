// The same entries as CAMT, MT940, OFX and CSV files.

package aggregate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/event"
)

// institution declares how the bank's CSV files are read.
func (b *books) institution() string {
	reference := ""
	if b.references {
		reference = ", reference: Ref"
	}
	fitids := ""
	if b.temporary {
		fitids = "fitids: temporary\n"
	}
	return "institution: bank\naccounts: [\"A*\"]\n" + fitids + "csv:\n  delimiter: \";\"\n  decimal: \",\"\n  date: \"%Y-%m-%d\"\n  account: A1\n  currency: EUR\n" +
		"  columns: {booked: Day, amount: Amount, text: Text" + reference + "}\n"
}

func (b *books) suffix() string {
	return map[string]string{"camt": "xml", "mt": "sta", "ofx": "ofx", "csv": "csv"}[b.format]
}

func (b *books) texts(files []export) (texts []string) {
	write := map[string]func(export) string{"camt": b.camt, "mt": b.mt, "ofx": b.ofx, "csv": b.csv}[b.format]
	for _, f := range files {
		if f.newestFirst && b.format != "mt" {
			f.lines = slices.Clone(f.lines)
			slices.Reverse(f.lines)
		}
		texts = append(texts, write(f))
	}
	return texts
}

// amount is an absolute amount, with as many decimals as it needs or always two.
func (e *export) amount(n int64, point string) string {
	text := strings.TrimPrefix(fmt.Sprintf("%d.%02d", abs(n)/100, abs(n)%100), "-")
	if e.short {
		text = strings.TrimRight(text, "0")
		if point == "." {
			text = strings.TrimSuffix(text, ".")
		}
	}
	return strings.Replace(text, ".", point, 1)
}

// parts are the lines of each page.
func (e *export) parts() [][]line {
	if e.page == 0 {
		return [][]line{e.lines}
	}
	return [][]line{e.lines[:e.page], e.lines[e.page:]}
}

func (b *books) camt(e export) string {
	var s strings.Builder
	fmt.Fprintf(&s, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>%s</MsgId><CreDtTm>2024-05-01T0%d:00:00</CreDtTm></GrpHdr>`,
		e.name, len(e.lines)%10)
	opening := e.opening
	for n, lines := range e.parts() {
		fmt.Fprintf(&s, `<Stmt><Id>%s</Id>`, e.name)
		if e.page > 0 {
			fmt.Fprintf(&s, `<StmtPgntn><PgNb>%d</PgNb><LastPgInd>%t</LastPgInd></StmtPgntn>`, n+1, n == 1)
		}
		if e.number > 0 {
			fmt.Fprintf(&s, `<ElctrncSeqNb>%d</ElctrncSeqNb>`, e.number)
		}
		fmt.Fprintf(&s, `<CreDtTm>2024-05-01T0%d:00:00</CreDtTm><FrToDt><FrDtTm>%sT00:00:00</FrDtTm><ToDtTm>%sT23:59:59</ToDtTm></FrToDt><Acct><Id><Othr><Id>A1</Id></Othr></Id><Ccy>EUR</Ccy></Acct>`,
			len(e.lines)%10, day(e.from), day(e.to))
		closing := e.closing
		codes := [2]string{"OPBD", "CLBD"}
		if e.page > 0 && n == 0 {
			codes[1], closing = "ITBD", opening
			for _, l := range lines {
				closing += l.cents
			}
		}
		if n == 1 {
			codes[0] = "ITBD"
		}
		for i, n := range []int64{opening, closing} {
			fmt.Fprintf(&s, `<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Dt><Dt>%s</Dt></Dt></Bal>`,
				codes[i], e.amount(n, "."), side(n), day([]int{e.from, e.to}[i]))
		}
		for _, l := range lines {
			fmt.Fprintf(&s, `<Ntry><Amt Ccy="EUR">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>%s</Dt></BookgDt>`, e.amount(l.cents, "."), side(l.cents), day(l.day))
			if l.reference != "" {
				fmt.Fprintf(&s, `<AcctSvcrRef>%s</AcctSvcrRef>`, l.reference)
			}
			fmt.Fprintf(&s, `<BkTxCd><Prtry><Cd>X</Cd></Prtry></BkTxCd><AddtlNtryInf>%s</AddtlNtryInf></Ntry>`, l.text)
		}
		s.WriteString(`</Stmt>`)
		opening = closing
	}
	s.WriteString(`</BkToCstmrStmt></Document>`)
	return s.String()
}

func (b *books) mt(e export) string {
	var s strings.Builder
	opening := e.opening
	for n, lines := range e.parts() {
		fmt.Fprintf(&s, ":20:%s\r\n:25:A1\r\n:28C:%d/%d\r\n", e.name, e.number, n+1)
		closing := e.closing
		tags := [2]string{"60F", "62F"}
		if e.page > 0 && n == 0 {
			tags[1], closing = "62M", opening
			for _, l := range lines {
				closing += l.cents
			}
		}
		if n == 1 {
			tags[0] = "60M"
		}
		fmt.Fprintf(&s, ":%s:%s%sEUR%s\r\n", tags[0], mtSide(opening), mtDay(day(e.from)), e.amount(opening, ","))
		for _, l := range lines {
			fmt.Fprintf(&s, ":61:%s%s%s%sNTRFNONREF", mtDay(day(l.day)), mtDay(day(l.day))[2:], mtSide(l.cents), e.amount(l.cents, ","))
			if l.reference != "" {
				fmt.Fprintf(&s, "//%s", l.reference)
			}
			fmt.Fprintf(&s, "\r\n:86:%s\r\n", l.text)
		}
		fmt.Fprintf(&s, ":%s:%s%sEUR%s\r\n-\r\n", tags[1], mtSide(closing), mtDay(day(e.to)), e.amount(closing, ","))
		opening = closing
	}
	return s.String()
}

func (b *books) ofx(e export) string {
	var s strings.Builder
	sign := func(n int64) string {
		if n < 0 {
			return "-"
		}
		return ""
	}
	compact := func(n int) string { return strings.ReplaceAll(day(n), "-", "") }
	fmt.Fprintf(&s, "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><TRNUID>%s<STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>B<ACCTID>A1</BANKACCTFROM><BANKTRANLIST><DTSTART>%s<DTEND>%s",
		e.name, compact(e.from), compact(e.to))
	for n, l := range e.lines {
		if b.temporary {
			l.reference = fmt.Sprint(e.name, n)
		}
		fmt.Fprintf(&s, "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>%s<TRNAMT>%s%s<FITID>%s<MEMO>%s</STMTTRN>", compact(l.day), sign(l.cents), e.amount(l.cents, "."), l.reference, l.text)
	}
	fmt.Fprintf(&s, "</BANKTRANLIST><LEDGERBAL><BALAMT>%s%s<DTASOF>%s</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>", sign(e.closing), e.amount(e.closing, "."), compact(e.to))
	return s.String()
}

func (b *books) csv(e export) string {
	var s strings.Builder
	s.WriteString("Day;Amount;Text")
	if b.references {
		s.WriteString(";Ref")
	}
	s.WriteString("\n")
	for _, l := range e.lines {
		if l.cents < 0 {
			fmt.Fprintf(&s, "%s;-%s;%s", day(l.day), e.amount(l.cents, ","), l.text)
		} else {
			fmt.Fprintf(&s, "%s;%s;%s", day(l.day), e.amount(l.cents, ","), l.text)
		}
		if b.references {
			s.WriteString(";" + l.reference)
		}
		s.WriteString("\n")
	}
	return s.String()
}

// sendNamed imports texts as files of new names with a suffix, in one call.
func (h *house) sendNamed(suffix string, texts ...string) {
	h.Helper()
	dir := h.TempDir()
	paths := make([]string, len(texts))
	for i, text := range texts {
		paths[i] = filepath.Join(dir, fmt.Sprintf("%d.%s", i, suffix))
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			h.Fatal(err)
		}
	}
	h.imported(paths...)
}

// movements are the entries as day, amount, reference and text, without those that are taken back.
func (h *house) movements() (rows []string) {
	taken := map[string]bool{}
	all := h.stored("entries", "id, coalesce(takes_back, '-'), strftime(day, '%Y-%m-%d'), amount, coalesce(reference, ''), text")
	for _, row := range all {
		id, rest, _ := strings.Cut(row, " ")
		if original, _, _ := strings.Cut(rest, " "); original != "-" {
			taken[id], taken[original] = true, true
		}
	}
	for _, row := range all {
		id, rest, _ := strings.Cut(row, " ")
		if _, movement, _ := strings.Cut(rest, " "); !taken[id] {
			rows = append(rows, movement)
		}
	}
	slices.Sort(rows)
	return rows
}

// inQuarantine lists what is in quarantine, and why.
func (h *house) inQuarantine() string {
	var rows []string
	for _, stream := range []string{"entries", "balances"} {
		err := event.Quarantine(h.Context(), h.importer.Catalog, h.objects, stream, func(r event.Rejected) error {
			rows = append(rows, fmt.Sprintf("%+v", r))
			return nil
		})
		if err != nil {
			h.Fatal(err)
		}
	}
	return strings.Join(rows, "\n")
}
