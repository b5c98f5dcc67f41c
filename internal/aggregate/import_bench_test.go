// Benchmarks of a whole import: reading, matching, rows, intake.

package aggregate

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkImport imports one statement of 100,000 entries into an empty project.
func BenchmarkImport(b *testing.B) {
	const entries = 100_000
	for format, text := range map[string]string{"camt": largeCamt(entries), "mt940": largeMT940(entries)} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				h := newFixture(b, "")
				path := h.file("statement.txt", text)
				b.StartTimer()
				if got := h.imported(path).Files[0].Parts[0].Entries; got != entries {
					b.Fatalf("%d entries", got)
				}
			}
			b.ReportMetric(entries*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// largeCamt is a statement whose entries each have a reference, a party and one transaction.
func largeCamt(entries int) string {
	var b strings.Builder
	b.WriteString(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId><CreDtTm>2025-01-02T00:00:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id><CreDtTm>2025-01-02T00:00:00</CreDtTm><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>`)
	for code, amount := range map[string]int{"OPBD": 0, "CLBD": 10 * entries} {
		fmt.Fprintf(&b, `<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%d.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2025-01-01</Dt></Dt></Bal>`, code, amount)
	}
	for i := range entries {
		fmt.Fprintf(&b, `<Ntry><Amt Ccy="EUR">10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2025-01-01</Dt></BookgDt><ValDt><Dt>2025-01-01</Dt></ValDt><AcctSvcrRef>REF%09d</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>E2E%d</EndToEndId></Refs><RltdPties><Dbtr><Nm>Customer %d</Nm></Dbtr></RltdPties><RmtInf><Ustrd>Invoice %d of the month</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`, i, i, i, i)
	}
	b.WriteString(`</Stmt></BkToCstmrStmt></Document>`)
	return b.String()
}

// largeMT940 is a statement whose entries each have a reference and a text.
func largeMT940(entries int) string {
	var b strings.Builder
	b.WriteString(":20:S1\n:25:DE89370400440532013000\n:28C:1/1\n:60F:C250101EUR0,00\n")
	for i := range entries {
		fmt.Fprintf(&b, ":61:2501010101C10,00NTRFE2E%d//REF%09d\n:86:166?00CREDIT?20Invoice %d of the month?32Customer %d\n", i, i, i, i)
	}
	fmt.Fprintf(&b, ":62F:C250101EUR%d,00\n-\n", 10*entries)
	return b.String()
}
