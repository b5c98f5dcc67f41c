// Tests of truncated, broken and huge files; fuzz test and benchmark.

package mt940_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/mt940"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

func TestTruncated(t *testing.T) {
	t.Parallel()
	for name, text := range recordedFiles(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statementtest.CheckTruncated(t, text, mt940.Read)
			for n := range text { // they are all small
				_ = statementtest.ReadChecked(t, text[:n], mt940.Read, statementtest.NewRecorder(t))
			}
		})
	}
}

// TestTruncatedAmounts checks that a truncated text is refused, or has only amounts of the complete text. The
// decimals may be missing if the last balance ends at its comma, because whole amounts are written so.
func TestTruncatedAmounts(t *testing.T) {
	t.Parallel()
	text := []byte(head + ":61:240102C1234,56NTRF\n:86:a\n:61:240102D78,9NTRFX\nmore\n:62F:C240102EUR1155,66\n:64:C240102EUR1155,66\n-\n")
	amounts := func(r *statementtest.Recorder) (all []string) {
		for i := range r.Statements {
			for _, b := range r.Statements[i].Balances {
				all = append(all, b.Code+b.Amount)
			}
			for _, e := range r.Statements[i].Entries {
				all = append(all, e.Amount)
			}
		}
		return all
	}
	whole := statementtest.NewRecorder(t)
	if err := mt940.Read(bytes.NewReader(text), whole); err != nil || len(amounts(whole)) != 5 {
		t.Fatalf("%v: %+v", err, whole.Statements)
	}
	var read int
	for n := range text {
		r := statementtest.NewRecorder(t)
		if err := statementtest.ReadChecked(t, text[:n], mt940.Read, r); err != nil || n > 0 && text[n-1] == ',' {
			continue
		}
		read++
		for _, got := range amounts(r) {
			if !slices.Contains(amounts(whole), got) {
				t.Errorf("cut at byte %d: %s is not a part of %s", n, got, amounts(whole))
			}
		}
	}
	if read < 10 || read > len(text)-30 {
		t.Errorf("%d of %d texts were read", read, len(text))
	}
}

func TestHandlerErrors(t *testing.T) {
	t.Parallel()
	statementtest.CheckHandlerErrors(t, []byte("{2:I103X}{4:\n:20:x\n-}"+head+"stray\n:61:240102C1,00NTRF\n:86:a\n:61:x\n:90D:1EUR1,\n:62F:C240102EUR1,00\n"+
		":20:B\n:61:240102C1,00NTRF\n:62F:C240102EUR1,00\n-\n:20:C\n-\n"), mt940.Read)
}

var errDisk = errors.New("the disk fails")

func TestFailingReader(t *testing.T) {
	t.Parallel()
	in := io.MultiReader(strings.NewReader(head), failingReader{})
	if err := mt940.Read(in, statementtest.NewRecorder(t)); !errors.Is(err, errDisk) {
		t.Errorf("the error is %v", err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errDisk }

// repeated reads a text over and over, up to a size.
type repeated struct {
	text     string
	at, left int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	p = p[:min(len(p), r.left)]
	for n < len(p) {
		copied := copy(p[n:], r.text[r.at:])
		r.at = (r.at + copied) % len(r.text)
		n += copied
	}
	r.left -= n
	return n, nil
}

// countingHandler counts the calls.
type countingHandler struct{ statements, entries, notices int }

func (c *countingHandler) Begin(*statement.Statement) error { c.statements++; return nil }
func (c *countingHandler) Balance(*statement.Balance) error { return nil }
func (c *countingHandler) Entry(*statement.Entry) error     { c.entries++; return nil }
func (c *countingHandler) Detail(*statement.Detail) error   { return nil }
func (c *countingHandler) EndEntry() error                  { return nil }
func (c *countingHandler) End() error                       { return nil }
func (c *countingHandler) Notice(*statement.Notice) error   { c.notices++; return nil }

// TestHugeValuesAreRefusedWithBoundedAllocation is not parallel, because it measures allocations.
func TestHugeValuesAreRefusedWithBoundedAllocation(t *testing.T) {
	const huge, large = 100 << 20, 4 << 20
	for _, c := range []struct {
		name, start, repeat string
		size                int
		want                string
	}{
		{"a line", ":20:", "x", huge, "1:1: a line is longer than 1048576 bytes"},
		{"a line of no field", "", "x", huge, "1:1: a line is longer than 1048576 bytes"},
		{"a field", head + ":61:240102C1,00NTRF\n:86:", "text\n", huge, "6:1: :86: is longer than 1048576 bytes"},
		{"a field of empty lines", head, "\n", large, ""},
		{"an entry's fields", head + ":61:240102C1,00NTRF\n", ":86:" + strings.Repeat("x", 99) + "\n", huge, ": an entry's text is longer than 1048576 bytes"},
		{"a field of short lines", head + ":61:240102C1,00NTRF\n:NS:", "15x\n", huge, ":NS: is longer than 1048576 bytes"},
		{"lines before a field", "", "x\n", large, "1:1: the file has no field of MT940"},
		{"ends of messages", head, "-}", huge, "a line is longer"},
	} {
		h := &countingHandler{}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := mt940.Read(io.MultiReader(strings.NewReader(c.start), &repeated{text: c.repeat, left: c.size}), h)
		runtime.ReadMemStats(&after)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.size == huge && after.TotalAlloc-before.TotalAlloc > 32<<20 {
			t.Errorf("%s: %d MiB were allocated in all", c.name, (after.TotalAlloc-before.TotalAlloc)>>20)
		}
	}
}

func TestManyEntriesStream(t *testing.T) {
	t.Parallel()
	const entry = ":61:2401020102D12,50NTRFNONREF//1234567890\nsupplement\n:86:166?00TEXT?20EREF+1?32NAME\n"
	h := &countingHandler{}
	in := io.MultiReader(strings.NewReader(head), &repeated{text: entry, left: len(entry) * 10000}, strings.NewReader(":62F:C240102EUR1,00\n"))
	if err := mt940.Read(in, h); err != nil || h.entries != 10000 || h.statements != 1 || h.notices != 0 {
		t.Errorf("%+v: %v", h, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"", head, head + ":61:2401020103CR12,50NTRFOWN//BANK\nmore\n:86:166?00A?20EREF+1?21SVWZ+x?31DE1?32B?33C?60D\n:62F:C240102EUR12,50\n-\n",
		"\x01{1:F01X}{2:O9421200}{4:\n:20:A\n:25P:1\nBIC\n:34F:EURD0,\n:13D:2401011200+0100\n:61:240230RD1,NTRF\n:90D:1EUR1,\n-}\x03$",
		":61:1811261126CR\n30,00N062NONREF\n:\n86:166?00T?081542?20SVWZ+Test\n", ":NS:22A\n", ":20:A\n:NS:22A\n:61:240102C1,NTRF\n:NS:01a\n15b\n",
		head + ":61:240102C1,NTRF\n:86:/CNTP/A/B/C/D//REMI/x/\n:61:x\n:86:T16\n:20:37 x\n", ":20:A\r:60F:C240101EUR1,\r\nj\xA2v\xA0\n", "-}-}{4:-}",
		head + ":61:240102C1,NTRF\n:86:a\n-\nb\n:61:240102C1,NTRF\n-\n:20:STARTDISP\n:34F:EURD5,\n:61:240102d1,ntrf\n:90D:2EUR7,\n-\n",
		"@@:20:A@@:25:BANKDEFF/DE89370400440532013000@@:60F:C000000EUR1,@@:62F:C240101EUR1,@@:60F:C240101USD1,@@-@@", "\xff\xfe:\x002\x000\x00:\x00A\x00",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		mt940.Recognise(text)
		r := statementtest.NewRecorder(t)
		if err := statementtest.ReadChecked(t, text, mt940.Read, r); err == nil && len(r.Statements) == 0 {
			t.Error("there is neither a statement nor an error")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	entry := ":61:2401020102D12,50NTRFNONREF//1234567890\nsupplement\n:86:166?00GUTSCHR. UEBERWEISUNG?109310?20EREF+1234567890?21SVWZ+Invoic\n" +
		"e 4711?30BYLADEMM?31DE99700500000000012345?32Erika Mustermann\n"
	text := []byte(head + strings.Repeat(entry, 10000) + ":62F:C240102EUR1,00\n-\n")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := mt940.Read(bytes.NewReader(text), &countingHandler{}); err != nil {
			b.Fatal(err)
		}
	}
}
