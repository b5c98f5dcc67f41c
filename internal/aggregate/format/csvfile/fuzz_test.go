// Tests of truncated and huge files, and a fuzz test.

package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// readAll reads a text that must not be refused.
func readAll(t *testing.T, r *Reader, text string) *statementtest.Recorder {
	t.Helper()
	recorder := statementtest.NewRecorder(t)
	if err := r.Read(strings.NewReader(text), recorder); err != nil {
		t.Fatal(err)
	}
	return recorder
}

// TestDamagedSpool checks that rows cut at any byte are an error, and that no damaged byte is more than that.
func TestDamagedSpool(t *testing.T) {
	t.Parallel()
	encoded := encodeRow(nil, row{place: statement.Place{Line: 300, Column: 1}, fields: []string{"a", strings.Repeat("b", 200)}, defect: "c"})
	discard := func(row) error { return nil }
	for n := 1; n < len(encoded); n++ {
		if err := eachRow(encoded[:n], discard); !errors.Is(err, errDamagedSpool) {
			t.Errorf("%d of %d bytes: %v", n, len(encoded), err)
		}
	}
	for i := range encoded {
		damaged := bytes.Clone(encoded)
		damaged[i] ^= 0xFF
		_ = eachRow(damaged, discard) // it may be read as other rows, but ends
	}
}

const fullMapping = `
skip: 1
decimal: ","
group: "."
account: {column: Acc}
currency: {column: Cur}
columns: {booked: D, value: V, amount: A, sign: {column: S, credit: C, debit: D}, reference: R, own: O, text: [T, O], balance: B}
unique: true
control:
  row: last
  where: {column: D, is: TOTAL}
  count: {column: A}
  sum: {column: B}
  hash: {column: R, of: reference}
`

// sample is a file of fullMapping with several accounts.
func sample() []byte {
	var b bytes.Buffer
	b.WriteString("title\nAcc;Cur;D;V;A;S;R;O;T;B\n")
	for _, account := range []string{"DE89370400440532013000", "12", "13"} {
		for i := range 20 {
			fmt.Fprintf(&b, "%s;EUR;2024-01-%02d;2024-01-30;1.000,50;C;R%d;\"a;\nb\"\"c\";Text;%d,%d0\n", account, i+1, i, 2001*(i+1)/2, 5*((i+1)%2))
		}
		b.WriteString(";;TOTAL;;20;;190;;;20.010,00\n\n")
	}
	return b.Bytes()
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	r := newReader(t, fullMapping)
	got := readAll(t, r, string(sample())).Statements
	for _, s := range got {
		if s.Fault != "" || s.Stated != (statement.Totals{Count: "20", Sum: "20010.00"}) || len(s.Entries) != 20 {
			t.Errorf("the sample is read as %+v and %d entries", s.Statement, len(s.Entries))
		}
	}
	if len(got) != 3 {
		t.Errorf("the sample has %d statements", len(got))
	}
	statementtest.CheckTruncated(t, sample(), r.Read)
	statementtest.CheckHandlerErrors(t, sample()[:400], r.Read)
}

// TestReadErrors checks that an error of the reader is returned, and not a refusal.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	errRead := errors.New("the archive is truncated")
	text := string(sample())
	for n := 0; n < len(text); n += 50 {
		in := io.MultiReader(strings.NewReader(text[:n]), failingReader{errRead})
		if err := newReader(t, fullMapping).Read(in, statementtest.NewRecorder(t)); !errors.Is(err, errRead) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// repeatedText reads a text over and over.
type repeatedText struct {
	text string
	left int64
}

func (e *repeatedText) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) {
		n += copy(p[n:], e.text)
	}
	e.left -= int64(n)
	return n, nil
}

// TestRowsTooLong reads a line of 100 MB: it is refused with the memory of one row.
func TestRowsTooLong(t *testing.T) {
	r := newReader(t, plainMapping)
	for name, c := range map[string]struct{ before, text string }{
		"a header line":    {"", "x"},
		"a row":            {"Date,Amount,Ref\n1,2,3\n", "x"},
		"fields":           {"Date,Amount,Ref\n1,2,3\n", ","},
		"a quote":          {"Date,Amount,Ref\n1,2,\"", "x\n"},
		"quotes":           {"Date,Amount,Ref\n1,2,\"", "\"\""},
		"a quote within":   {"Date,Amount,Ref\n1,2,x\"", "x"},
		"windows-1252":     {"Date,Amount,Ref\n", "\xe4"},
		"a line with mark": {"\xff\xfe", "x\x00"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		in := &repeatedText{text: c.text, left: 100 << 20}
		err := r.Read(io.MultiReader(strings.NewReader(c.before), in), statementtest.NewRecorder(t))
		runtime.ReadMemStats(&after)
		var refused *statement.Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<20 || in.left < 90<<20 {
			t.Errorf("%s: %d MB were allocated in all, and %d of 100 MB were left", name, grown>>20, in.left>>20)
		}
	}
}

func FuzzRead(f *testing.F) {
	readers := []*Reader{
		newReader(f, plainMapping), newReader(f, fullMapping),
		newReader(f, "account: {column: A}\ncurrency: EUR\nheader: [A, D, C, B]\ncolumns: {booked: D, credit: C, debit: B}\ncontrol: {row: first, sum: {column: C}, opening: {column: B}}"),
	}
	f.Add(sample()[:400])
	f.Add([]byte("Date;Amount;Ref\n2024-01-01;1;\"x\n;;\n1;2\n"))
	f.Add([]byte("\xff\xfeD\x00a\x00t\x00e\x00"))
	f.Add([]byte("1,2024-01-01,5,\n2,2024-01-01,,6\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, r := range readers {
			fits, _, _ := r.Fits(text)
			recorder := statementtest.NewRecorder(t)
			err := statementtest.ReadChecked(t, text, r.Read, recorder)
			if err != nil && fits && strings.Contains(err.Error(), "the header line has no column") {
				t.Errorf("the mapping matches, but the file is refused: %v", err)
			}
		}
	})
}
