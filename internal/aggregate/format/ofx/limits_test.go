// Tests of refused and huge files; fuzz test and benchmark.

package ofx_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/ofx"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
	"bursar/internal/failure"
)

// TestRefused checks the place and the reason of each error.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, where, why string }{
		"empty":               {"", "1:1", "no statement"},
		"another format":      {"a,b\n1,2\n", "1:1", "no statement"},
		"ends in an entry":    {"<OFX>\n<STMTRS><STMTTRN>\n<TRNAMT>1", "3:10", "within the <STMTTRN> that begins at 2:9"},
		"ends without an end": {"<OFX><STMTRS></STMTRS>", "1:23", "within the <OFX>"},
		"ends in a comment":   {"<OFX><!-- ", "1:6", "within <!--"},
		"ends in cdata":       {"<OFX><STMTRS><CURDEF><![CDATA[x", "1:22", "within <![CDATA["},
		"document type":       {`<!DOCTYPE OFX [<!ENTITY a "b">]><OFX></OFX>`, "1:1", "document type"},
		"entity":              {`<OFX><!entity a "b"></OFX>`, "1:6", "entity is declared"},
		"an entry alone":      {"<OFX>\n <STMTTRN><TRNAMT>1</STMTTRN></OFX>", "2:2", "outside of a statement"},
		"a late account":      {"<OFX><STMTRS><STMTTRN></STMTTRN><BANKACCTFROM><ACCTID>1</BANKACCTFROM></OFX>", "1:33", "after its entries"},
		"too deep":            {"<OFX>" + strings.Repeat("<X>", 100), "1:195", "nested more than 64 deep"},
		"too many in one":     {"<OFX><STMTRS><STMTTRN>" + strings.Repeat("<X/>", 5000), "1:14", "more than 2048 elements"},
		"too much in one":     {"<OFX><STMTRS><STMTTRN>" + strings.Repeat("<X>"+strings.Repeat("y", 1<<20-9), 5), "1:14", "elements or 4194304 bytes"},
		"a request":           {"<OFX><SIGNONMSGSRQV1><SONRQ><DTCLIENT>1</SONRQ></SIGNONMSGSRQV1></OFX>", "1:1", "no statement"},
		"the first refusal":   {"<OFX><STATUS><CODE>1<SEVERITY>ERROR</STATUS><STATUS><CODE>2<SEVERITY>ERROR</STATUS></OFX>", "1:6", "code 1,"},
		"a refusal":           {"<OFX><SONRS><STATUS><CODE>15500<MESSAGE>no</STATUS></SONRS></OFX>", "1:6", "code 15500, severity : no"},
	} {
		_, err := read(t, c.text)
		var refused *statement.Error
		if !errors.As(err, &refused) || refused.Place.String() != c.where || !strings.Contains(refused.Reason, c.why) {
			t.Errorf("%s: %v, want %s: … %s", name, err, c.where, c.why)
		}
	}
}

func TestFailingReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk failed")
	for _, text := range []string{"", "<OFX>", "<OFX><STMTRS><!-- ", "<OFX><STMTRS><"} {
		err := ofx.Read(io.MultiReader(strings.NewReader(text), &failingReader{broken}), statementtest.NewRecorder(t))
		if !errors.Is(err, broken) || failure.Of(err) != failure.Bug {
			t.Errorf("after %q: %v", text, err)
		}
	}
}

type failingReader struct{ err error }

func (f *failingReader) Read([]byte) (int, error) { return 0, f.err }

// TestEndlessValueIsRefusedWithBoundedAllocation measures the allocations for a value of 100 MB, in any place.
func TestEndlessValueIsRefusedWithBoundedAllocation(t *testing.T) {
	for _, before := range []string{"", "<OFX><STMTRS><STMTTRN><MEMO>", "<OFX><STMTRS><STMTTRN><MEMO><![CDATA[", "<?OFX ", "<OFX></OFX>"} {
		endless := io.LimitReader(&repeated{}, 100<<20)
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		err := ofx.Read(io.MultiReader(strings.NewReader(before), endless), statementtest.NewRecorder(t))
		runtime.ReadMemStats(&end)
		var refused *statement.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, "longer than 1048576 bytes") || refused.Place.Line != 1 {
			t.Errorf("after %q: %v", before, err)
		}
		if used := end.TotalAlloc - start.TotalAlloc; used > 16<<20 {
			t.Errorf("after %q: %d bytes were allocated", before, used)
		}
	}
}

type repeated struct{}

func (*repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		header, bankFile("<STMTTRN><TRNAMT>1<MEMO>a & b < c</STMTTRN>"), bankFile("<STMTTRN><MEMO><![CDATA[x]]></MEMO><X><Y>1</X></STMTTRN>"),
		"<?xml version='1.0'?><?OFX VERSION=\"200\"?><OFX><SONRS><STATUS><CODE>1<SEVERITY>ERROR</STATUS></SONRS></OFX>",
		"<OFX><INVSTMTRS><INVTRANLIST><BUYMF><INVBUY><INVTRAN><FITID>1</INVTRAN><SECID><UNIQUEID>x</SECID></INVBUY></BUYMF></INVTRANLIST>" +
			"<INVPOSLIST><POSMF><UNITS>1</POSMF></INVPOSLIST><INVBAL><AVAILCASH>1<BALLIST><BAL><NAME>n<VALUE>1</BAL></BALLIST></INVBAL></INVSTMTRS>" +
			"<SECLIST><STOCKINFO><SECINFO><SECNAME>s</SECINFO></STOCKINFO></SECLIST></OFX>",
		"<OFX><ACCTINFO><DESC>d<BANKACCTINFO><BANKACCTFROM><ACCTID>1</BANKACCTFROM></BANKACCTINFO></ACCTINFO></OFX>",
		"<OFX><STMTRS><BANKTRANLISTP><STMTTRNP><TRNAMT>1,5</BANKTRANLISTP><LEDGERBAL><BALAMT>1<DTASOF>20240101[-5.5:X]</STMTRS></OFX>",
		bankFile("<STMTTRN><DTPOSTED>20240105<TRNAMT>1<FITID>7</STMTTRN><STMTTRN><DTPOSTED>20240105<TRNAMT>1<FITID>7<CORRECTFITID>1<LEDGERBAL><BALAMT>1</LEDGERBAL>"),
		"HTTP/1.1 200 OK\nContent-Type: x\n\n" + header + "<OFX><LOANSTMTTRNRS><STMTTRN></OFX>", "\xfe\xff\x00<\x00O\x00F\x00X\x00>",
		"<OFX><!-- --><!DOCTYPE", "<OFX><A><B></A></B><a:b c='d'/>&#x41;",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ofx.Recognise(text)
		_ = statementtest.ReadChecked(t, text, ofx.Read, statementtest.NewRecorder(t))
	})
}

// countingHandler counts entries.
type countingHandler struct{ entries int }

func (*countingHandler) Begin(*statement.Statement) error { return nil }
func (*countingHandler) Balance(*statement.Balance) error { return nil }
func (s *countingHandler) Entry(*statement.Entry) error   { s.entries++; return nil }
func (*countingHandler) Detail(*statement.Detail) error   { return nil }
func (*countingHandler) EndEntry() error                  { return nil }
func (*countingHandler) End() error                       { return nil }
func (*countingHandler) Notice(*statement.Notice) error   { return nil }

func BenchmarkRead(b *testing.B) {
	const n = 20_000
	open := "<STMTTRN>\n<TRNTYPE>POS\n<DTPOSTED>20090401122017.000[-5:EST]\n<TRNAMT>-6.60\n<FITID>0000123456782009040100001\n" +
		"<NAME>MCDONALD'S #112\n<MEMO>POS MERCHANDISE;MCDONALD'S #112\n</STMTTRN>\n"
	closed := "<STMTTRN><TRNTYPE>POS</TRNTYPE><DTPOSTED>20090401122017.000[-5:EST]</DTPOSTED><TRNAMT>-6.60</TRNAMT>" +
		"<FITID>0000123456782009040100001</FITID><NAME>R&amp;D</NAME><MEMO>POS MERCHANDISE</MEMO></STMTTRN>"
	for name, entry := range map[string]string{"sgml": open, "xml": closed} {
		text := bankFile(strings.Repeat(entry, n))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s := &countingHandler{}
				if err := ofx.Read(strings.NewReader(text), s); err != nil || s.entries != n {
					b.Fatal(err, s.entries)
				}
			}
		})
	}
}
