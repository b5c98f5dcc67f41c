// Tests references that MT940 cuts to 16 characters, together with the complete ones of CAMT.

package aggregate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/project"
)

// referredTo is a statement of the fifth with entries of these references and amounts, "reference cents" each.
func referredTo(render func(...sheet) string, name string, entries ...string) string {
	var list []item
	for _, e := range entries {
		i := item{day: day(5)}
		if _, err := fmt.Sscan(e, &i.reference, &i.cents); err != nil {
			panic(err)
		}
		list = append(list, i)
	}
	return render(renamed(sheetOf("1", 5, 1000, list...), name))
}

// everyOrder passes on a fixture for each order of the texts (of more than three each that begins with another one), imported
// one file at a time; the first and the last order also in one import. Without SEEDS only the first and the last order run.
func everyOrder(t *testing.T, texts []string, check func(t *testing.T, h *fixture, order string)) {
	t.Helper()
	orders := ordersOf(texts)
	if n := len(orders); n > 2 && os.Getenv("SEEDS") == "" {
		orders = [][]string{orders[0], orders[n-1]}
	}
	for i, order := range orders {
		for _, together := range []bool{false, true} {
			if together && i > 0 && (i < len(orders)-1 || os.Getenv("SEEDS") == "") {
				continue
			}
			t.Run(fmt.Sprint(i, " together ", together), func(t *testing.T) {
				t.Parallel()
				h := newFixture(t, "")
				if together {
					h.send(order...)
				} else {
					for _, text := range order {
						h.send(text)
					}
				}
				check(t, h, strings.Join(order, "\n"))
			})
		}
	}
}

func ordersOf(texts []string) (orders [][]string) {
	if len(texts) == 1 {
		return [][]string{texts}
	}
	for i, text := range texts {
		rest := slices.Concat(texts[i+1:], texts[:i])
		if len(texts) > 3 {
			orders = append(orders, append([]string{text}, rest...))
			continue
		}
		for _, o := range ordersOf(rest) {
			orders = append(orders, append([]string{text}, o...))
		}
	}
	return orders
}

// TestCutReferences counts an entry once whose reference MT940 cuts, whichever file comes first.
func TestCutReferences(t *testing.T) {
	t.Parallel()
	const begin = "ABCDEFGHIJKLMNO" // 15 characters
	camt := func(name string, entries ...string) string { return referredTo(camtOf, name, entries...) }
	mt := func(name string, entries ...string) string { return referredTo(mtOf, name, entries...) }
	for _, c := range []struct {
		name  string
		files []string
		want  int
	}{
		{"first 16", []string{camt("C", begin+"PQR 10"), mt("M", begin+"P 10")}, 1},
		{"first 15 and a mark", []string{camt("C", begin+"PQR 10"), mt("M", begin+"+ 10")}, 1},
		{"each twice", []string{camt("C", begin+"PQR 10"), mt("M", begin+"P 10"), camt("C2", begin+"PQR 10"), mt("M2", begin+"P 10")}, 1},
		{"each twice, with a mark", []string{camt("C", begin+"PQR 10"), mt("M", begin+"+ 10"), camt("C2", begin+"PQR 10"), mt("M2", begin+"+ 10")}, 1},
		{"17 characters", []string{camt("C", begin+"PQ 10"), mt("M", begin+"P 10")}, 1},
		{"MT940 that has it whole", []string{mt("C", begin+"PQR 10"), mt("M", begin+"P 10")}, 1},
		{"35 characters", []string{camt("C", begin+"PQRSTUVWXYZ012345678 10"), mt("M", begin+"P 10")}, 1},
		{"a mark of the reference itself", []string{camt("C", begin+"+QR 10"), mt("M", begin+"+ 10")}, 1},
		{"exactly 16", []string{camt("C", begin+"P 10"), mt("M", begin+"P 10")}, 1},

		{"another amount", []string{camt("C", begin+"PQR 10"), mt("M", begin+"P 11")}, 2},
		{"another direction", []string{camt("C", begin+"PQR 10"), mt("M", begin+"P -10")}, 2},
		{"another 16th character", []string{camt("C", begin+"PQR 10"), mt("M", begin+"X 10")}, 2},
		{"15 characters", []string{camt("C", begin+"PQR 10"), mt("M", begin+" 10")}, 2},
		{"16 characters of CAMT", []string{camt("C", begin+"PQR 10"), camt("M", begin+"P 10")}, 2},

		{"two amounts", []string{camt("C", begin+"P1 10", begin+"P2 11"), mt("M", begin+"P 10", begin+"P 11")}, 2},
		{"two of one amount", []string{camt("C", begin+"P1 10", begin+"P2 10"), mt("M", begin+"P 10", begin+"P 10")}, 2},
		{"two of one amount, sent again", []string{camt("C", begin+"P1 10", begin+"P2 10"), mt("M", begin+"P 10", begin+"P 10"), mt("M2", begin+"P 10", begin+"P 10")}, 2},
		{"two in MT940, one in CAMT", []string{camt("C", begin+"P1 10"), mt("M", begin+"P 10", begin+"P 10")}, 2},
		{"two in CAMT, one in MT940", []string{camt("C", begin+"P1 10", begin+"P2 10"), mt("M", begin+"P 10")}, 2},
		{"two in CAMT, one by one", []string{camt("C", begin+"P1 10"), camt("D", begin+"P2 10"), mt("M", begin+"P 10", begin+"P 10")}, 2},
		{"three in MT940, two in CAMT", []string{camt("C", begin+"P1 10", begin+"P2 10"), mt("M", begin+"P 10", begin+"P 10", begin+"P 10")}, 3},
		{"two with a mark", []string{camt("C", begin+"P1 10", begin+"Q2 10"), mt("M", begin+"+ 10", begin+"+ 10")}, 2},
		{"one of 16 and a longer one", []string{camt("C", begin+"P 10", begin+"PQ 10"), mt("M", begin+"P 10", begin+"P 10")}, 2},
		{"one of 16 and a longer one, one by one", []string{camt("C", begin+"P 10"), camt("D", begin+"PQ 10"), mt("M", begin+"P 10")}, 2},
		{"one of 16 and a longer one with a mark", []string{camt("C", begin+"P 10"), camt("D", begin+"PQ 10"), mt("M", begin+"P 10", begin+"+ 10")}, 2},
		{"one statement with both", []string{mt("M", begin+"P 10", begin+"PQR 10"), camt("C", begin+"PQR 10")}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			everyOrder(t, c.files, func(t *testing.T, h *fixture, order string) {
				t.Helper()
				if rows := h.stored("entries", "amount, reference"); len(rows) != c.want {
					t.Errorf("stored are %q, want %d entries; %s", rows, c.want, order)
				}
				for _, i := range h.judged("")[0].Intervals {
					if i.State == completeness.Broken && c.want == 1 {
						t.Errorf("%+v; %s", i, order)
					}
				}
			})
		})
	}
}

// TestCutReferencesOnOtherDays compares value dates and booking days as far as both files state them.
func TestCutReferencesOnOtherDays(t *testing.T) {
	t.Parallel()
	const camt = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId><CreDtTm>2024-05-01T10:00:00</CreDtTm></GrpHdr>` +
		`<Stmt><Id>S</Id><CreDtTm>2024-05-01T10:00:00</CreDtTm><Acct><Id><Othr><Id>A1</Id></Othr></Id><Ccy>EUR</Ccy></Acct>` +
		`<Ntry><Amt Ccy="EUR">0.10</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>%s<AcctSvcrRef>ABCDEFGHIJKLMNOPQR</AcctSvcrRef><BkTxCd/></Ntry></Stmt></BkToCstmrStmt></Document>`
	const mt = ":20:A\n:25:A1\n:28C:1/1\n:60F:C240305EUR10,00\n:61:%sC0,10NTRFNONREF//ABCDEFGHIJKLMNOP\n:62F:C240306EUR10,10\n-\n"
	booked := func(n int) string { return "<BookgDt><Dt>" + day(n) + "</Dt></BookgDt>" }
	value := func(n int) string { return "<ValDt><Dt>" + day(n) + "</Dt></ValDt>" }
	for _, c := range []struct {
		camt, mt string
		want     int
	}{
		{booked(5) + value(6), "2403060305", 1},
		{booked(5) + value(6), "240306", 1},
		{booked(5), "2403060305", 1},
		{value(6), "2403060305", 1},
		{value(6), "240306", 1},
		{booked(6), "240306", 1},
		{booked(5) + value(6), "2403060306", 2},
		{booked(5) + value(6), "2403050305", 2},
		{booked(5) + value(6), "240305", 2},
		{booked(5), "2403060306", 2},
		{booked(5), "240306", 2},
		{value(6), "2403050305", 2},
	} {
		t.Run(c.camt+" "+c.mt, func(t *testing.T) {
			t.Parallel()
			everyOrder(t, []string{fmt.Sprintf(camt, c.camt), fmt.Sprintf(mt, c.mt)}, func(t *testing.T, h *fixture, order string) {
				t.Helper()
				if rows := h.stored("entries", "day, value_day, reference"); len(rows) != c.want {
					t.Errorf("stored are %q, want %d entries; %s", rows, c.want, order)
				}
			})
		})
	}
}

// TestCutReferencesOnPages shows that pages of one statement list no entry in common, even if two entries are equal in everything.
func TestCutReferencesOnPages(t *testing.T) {
	t.Parallel()
	const begin = "ABCDEFGHIJKLMNOP"
	equal := func(name string, references ...string) sheet {
		list := items(5, 10, 10)
		for i := range list {
			list[i].reference = begin + references[i]
		}
		return renamed(sheetOf("1", 5, 1000, list...), name)
	}
	first, second := paged(equal("M", "", ""), 1)
	whole := camtOf(equal("C", "1", "2"))
	for _, files := range [][]string{
		{mtOf(first, second), whole}, {mtOf(first), mtOf(second), whole}, {mtOf(second), mtOf(first), mtOf(equal("N", "", "")), whole},
	} {
		everyOrder(t, files, func(t *testing.T, h *fixture, order string) {
			t.Helper()
			if rows := h.stored("entries", "amount, reference"); len(rows) != 2 {
				t.Errorf("stored are %q, want 2 entries; %s", rows, order)
			}
		})
	}
}

// TestCutReferencesOfEarlierVersions matches entries that a version without cut names imported.
func TestCutReferencesOfEarlierVersions(t *testing.T) {
	t.Parallel()
	const begin = "ABCDEFGHIJKLMNOP"
	camt, mt := referredTo(camtOf, "C", begin+"Q 10"), referredTo(mtOf, "M", begin+" 10")
	for _, c := range []struct{ before, after string }{{camt, mt}, {mt, camt}} {
		h := newFixture(t, "")
		h.importer.Ingest = h.importAsEarlierVersion
		h.send(c.before)
		before := h.stored("entries", "id")
		h.importer.Ingest = h.take
		err := h.importer.Catalog.Update(t.Context(), func(tx catalog.Tx) error { return tx.Delete("statements/cut-known") })
		if err != nil {
			t.Fatal(err)
		}
		if rows := h.stored("_names", "form"); strings.Join(rows, "") != "" {
			t.Fatalf("the names of an earlier version are %q", rows)
		}
		for _, text := range []string{c.after, strings.ReplaceAll(c.before, "MsgId>C", "MsgId>D"), strings.ReplaceAll(c.after, "MsgId>C", "MsgId>D")} {
			h.send(text)
			if after := h.stored("entries", "id"); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("stored are %q, before were %q", after, before)
			}
		}
	}
}

// importAsEarlierVersion imports as a version without cut names did: one slot for each entry.
func (h *fixture) importAsEarlierVersion(ctx context.Context, stream string, files []string, parts func(string) []event.FilePart) (intake.Result, error) {
	if stream != project.NameStream {
		return h.take(ctx, stream, files, parts)
	}
	path := filepath.Join(h.TempDir(), "earlier.jsonl")
	data, err := os.ReadFile(files[0])
	if err != nil {
		return intake.Result{}, err
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if before, _, _ := strings.Cut(line, `,"form":`); len(lines) == 0 {
			lines = append(lines, before+"}\n")
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		return intake.Result{}, err
	}
	return h.take(ctx, stream, []string{path}, func(string) []event.FilePart { return []event.FilePart{{Row: 1, Name: "earlier"}} })
}
