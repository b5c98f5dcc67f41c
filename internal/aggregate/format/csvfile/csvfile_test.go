// Tests of reading files, and the fixtures of the other tests.

package csvfile

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
	"bursar/internal/project"
)

// newReader declares an institution in a new project folder and returns its reader.
func newReader(t testing.TB, csv string) *Reader {
	t.Helper()
	dir := t.TempDir()
	text := "institution: acme\nservicer: DEUTDEFF\ncsv:\n  " + strings.ReplaceAll(strings.TrimSpace(csv), "\n", "\n  ") + "\n"
	for name, text := range map[string]string{"bursar.yaml": "", "institutions/acme.yaml": text} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, errs := project.Read(dir)
	if len(errs) > 0 {
		t.Fatalf("%v in\n%s", errs, text)
	}
	return New(p.Institutions[0], t.TempDir())
}

// render writes the recorded statements, one line for each call, without empty fields.
func render(r *statementtest.Recorder) string {
	var b strings.Builder
	for i := range r.Statements {
		s := &r.Statements[i]
		line(&b, "statement", "at", s.Place, "account", s.Account, "currency", s.Currency,
			"count", s.Stated.Count, "sum", s.Stated.Sum, "fault", s.Fault)
		for j := range s.Entries {
			e := &s.Entries[j].Entry
			unique := ""
			if e.Unique {
				unique = "yes"
			}
			refused := ""
			if e.Refused != nil {
				refused = cmp.Or(e.Refused.Column, "row")
			}
			line(&b, "entry", "at", e.Place, "amount", e.Amount, "booked", e.Booked, "value", e.Value, "reference", e.Reference,
				"unique", unique, "own", e.Own, "code", e.Code, "party", e.Party, "peer", e.Peer, "text", e.Text, "status", e.Status, "refused", refused)
		}
		for _, balance := range s.Balances {
			line(&b, "balance", "at", balance.Place, "code", balance.Code, "amount", balance.Amount, "date", balance.Date)
		}
	}
	for _, n := range r.Notices {
		if n.Count > 0 {
			line(&b, "notice", "at", n.Place, "what", n.What, "value", n.Fields[0].Value, "count", n.Count)
		}
	}
	return b.String()
}

func line(b *strings.Builder, what string, pairs ...any) {
	b.WriteString(what)
	for i := 0; i < len(pairs); i += 2 {
		if text := fmt.Sprint(pairs[i+1]); text != "" {
			fmt.Fprintf(b, " %s=%s", pairs[i], text)
		}
	}
	b.WriteString("\n")
}

// checkRead reads a text and compares the result, or the error.
func checkRead(t *testing.T, r *Reader, text, want string) {
	t.Helper()
	recorder := statementtest.NewRecorder(t)
	err := statementtest.ReadChecked(t, []byte(text), r.Read, recorder)
	got := render(recorder)
	if err != nil {
		got += "error " + err.Error() + "\n"
	}
	if want = strings.TrimLeft(want, "\n"); got != want {
		t.Errorf("reading\n%s\ngives\n%s\nwant\n%s", text, got, want)
	}
}

const plainMapping = `
account: LT62
currency: EUR
columns: {booked: Date, amount: Amount, reference: Ref}
`

func TestEveryField(t *testing.T) {
	t.Parallel()
	r := newReader(t, `
delimiter: ";"
skip: 2
decimal: ","
group: "."
date: "%d.%m.%Y"
account: {column: Konto}
currency: {column: Währung}
columns:
  booked: Tag
  value: Valuta
  amount: Betrag
  reference: Ref
  own: Eigene
  code: Art
  party: Name
  peer: Gegenkonto
  text: [Zweck1, Zweck2]
unique: true
`)
	head := "Umsätze\nexportiert am 1.2.2024\nKonto;Währung;Tag;Valuta;Betrag;Ref;Eigene;Art;Name;Gegenkonto;Zweck1;Zweck2;Mehr\n"
	text := head +
		"DE89 3704 0044 0532 0130 00;EUR;1.2.2024;02.02.2024;-1.234,50;R1;O1;TRF;\"Bäcker; Söhne\";NO93 8601 1117 947;Miete; Januar ;x\n\n" +
		"DE89370400440532013000;EUR;01.02.2024;;12;;;;;77 8;;\"zwei\nZeilen\";x;\n" +
		"DE89370400440532013000;USD;01.02.2024;;+0,5;R1;;;;;;;x\n" +
		"12 3;USD;31.02.2024;;1.23,5;;;;;;;;x\n"
	want := `
statement at=4:1 account=DE89370400440532013000 currency=EUR
entry at=4:1 amount=-1234.50 booked=2024-02-01 value=2024-02-02 reference=R1 unique=yes own=O1 code=TRF party=Bäcker; Söhne peer=NO9386011117947 text=Miete Januar
entry at=6:1 amount=12 booked=2024-02-01 peer=77 8 text=zwei
Zeilen
statement at=8:1 account=DE89370400440532013000 currency=USD
entry at=8:1 amount=0.5 booked=2024-02-01 reference=R1 unique=yes
statement at=9:1 account=12 3 currency=USD fault=line 9 cannot be read: column 'Betrag' is '1.23,5', which is not a number with decimal mark ',' and group mark '.': declare 'decimal' and 'group' as the file writes them
entry at=9:1 amount=1.23,5 booked='31.02.2024' refused=amount
`
	want = strings.ReplaceAll(want, "'", "`")
	checkRead(t, r, text, want)
	recorder := statementtest.NewRecorder(t)
	if err := r.Read(strings.NewReader(text), recorder); err != nil {
		t.Fatal(err)
	}
	s := recorder.Statements[0].Statement
	if s.Format != "csv acme" || s.Kind != statement.Booked || s.Servicer != "DEUTDEFF" || !s.IBAN || recorder.Statements[2].IBAN {
		t.Errorf("the statement is %+v", s)
	}
	if e := recorder.Statements[1].Entries[0]; e.Currency != "USD" {
		t.Errorf("the entry is %+v", e)
	}
}

func TestRowsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 300)
	checkRead(t, newReader(t, plainMapping), "Date,Amount,Ref\n2024-01-02,1,a\n2024-01-02,2\n2024-01-02,3,b,c\n2024-01-02,\"4\"x,d\n2024-01-02,5,e,,\n"+
		"x,"+long+"\n2024-01-03T10:11:12Z,6,f\n2024-01-03,7,\"open", `
statement at=2:1 account=LT62 currency=EUR fault=line 3 has 2 fields, and the header 3
entry at=2:1 amount=1 booked=2024-01-02 reference=a
entry at=3:1 amount=2024-01-02,2 refused=row
entry at=4:1 amount=2024-01-02,3,b,c refused=row
entry at=5:1 amount=2024-01-02,"4"x,d refused=row
entry at=6:1 amount=5 booked=2024-01-02 reference=e
entry at=7:1 amount=x,`+long[:198]+` refused=row
entry at=8:1 amount=6 booked=2024-01-03 reference=f
entry at=9:1 amount=2024-01-03,7,"open refused=row
`)
	byColumn := newReader(t, "account: {column: Acc}\ncurrency: EUR\ncolumns: {booked: Date, amount: Amount}")
	checkRead(t, byColumn, "Acc,Date,Amount\nshort\n1,2024-01-02,5\nshort\n1,2024-01-02,6\n,,7\n1,2024-01-02,8\n", `
statement at=2:1 account=1 currency=EUR fault=line 2 has 1 fields, and the header 3
entry at=2:1 amount=short refused=row
entry at=3:1 amount=5 booked=2024-01-02
entry at=4:1 amount=short refused=row
entry at=5:1 amount=6 booked=2024-01-02
entry at=6:1 amount=,,7 refused=account
entry at=7:1 amount=8 booked=2024-01-02
`)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mapping, text, want string }{
		{plainMapping, "", "error 1:1: there is no header line\n"},
		{plainMapping, "\n\n", "error 1:1: there is no header line\n"},
		{plainMapping, "a;b\n", "error 1:1: the header line has no column `Date`, `Amount`, `Ref`; it has `a`, `b`; declare the `delimiter`, and the number of lines before the header as `skip`\n"},
		{plainMapping, "Date,Amount,Ref,Ref\n", "error 1:1: the header line has column `Ref` twice; name the columns with `header`, and skip this line with `skip`\n"},
		{plainMapping + "skip: 3", "a\nb\n", "error 3:1: the file ends within the 3 lines of `skip`\n"},
		{plainMapping + "header: [Date, Amount, Ref]", "a,b\n", "error 1:1: no row has the 3 fields of the mapping's header; declare the `delimiter`, and the number of lines before the first row as `skip`\n"},
	} {
		checkRead(t, newReader(t, c.mapping), c.text, c.want)
	}
}

// TestWithoutRows reads files without entries. They are reported as a notice, because their days are unknown; they
// are refused if the control row contradicts or is missing.
func TestWithoutRows(t *testing.T) {
	t.Parallel()
	const byColumn = "account: {column: Ref}\ncurrency: EUR\ncolumns: {booked: Date, amount: Amount}\n"
	const last, first = "control: {row: last, count: {column: Ref}, sum: {column: Amount}}", "control: {row: first, sum: {column: Amount}}"
	for _, c := range []struct{ mapping, rows, want string }{
		{plainMapping, "", ""},
		{plainMapping, ",,\n", ""},
		{byColumn, "\n", ""},
		{plainMapping + last, ",0.00,0\n", ""},
		{plainMapping + first, ",0.00,0\n", ""},
		{plainMapping + last, ",0,2\n", "error 2:1: the control row states `2`, but there are no rows; ask for the whole file\n"},
		{plainMapping + first, ",5,\n", "error 2:1: the control row states `5`, but there are no rows; ask for the whole file\n"},
		{plainMapping + last, "", "error 2:1: there are no rows and no control row; ask for the whole file\n"},
	} {
		r := newReader(t, c.mapping)
		checkRead(t, r, "Date,Amount,Ref\n"+c.rows, c.want)
		recorder := statementtest.NewRecorder(t)
		if err := r.Read(strings.NewReader("Date,Amount,Ref\n"+c.rows), recorder); err == nil && len(recorder.Notices) != 1 {
			t.Errorf("%q: %d notices", c.rows, len(recorder.Notices))
		}
	}
}

// TestDatesAsDeclared reads dates that are invalid in the declared format, but valid in another.
func TestDatesAsDeclared(t *testing.T) {
	t.Parallel()
	checkRead(t, newReader(t, plainMapping+`date: "%Y-%d-%m"`), "Date,Amount,Ref\n2024-05-13,1,a\n2024-13-05,1,b\n13.5.24,1,c\n", `
statement at=2:1 account=LT62 currency=EUR fault=line 2 cannot be read: column `+"`Date` is `2024-05-13`"+`: there is no such date
entry at=2:1 amount=1 booked=`+"`2024-05-13`"+` reference=a refused=day
entry at=3:1 amount=1 booked=2024-05-13 reference=b
entry at=4:1 amount=1 booked=`+"`13.5.24`"+` reference=c refused=day
`)
}

// TestBlankRowsAndRepeatedHeaders reads rows of delimiters alone, a trailing delimiter in the header, and a second
// header line.
func TestBlankRowsAndRepeatedHeaders(t *testing.T) {
	t.Parallel()
	checkRead(t, newReader(t, plainMapping), "Date;Amount;Ref;;\n;;;;\n2024-01-02;1;a\n2024-01-02;2;b;;\n ; ;\n2024-01-03;3;c;;x\n2024-01-03;4;d;;;y\n", `
statement at=3:1 account=LT62 currency=EUR fault=line 7 has 6 fields, and the header 5
entry at=3:1 amount=1 booked=2024-01-02 reference=a
entry at=4:1 amount=2 booked=2024-01-02 reference=b
entry at=6:1 amount=3 booked=2024-01-03 reference=c
entry at=7:1 amount=2024-01-03;4;d;;;y refused=row
`)
	checkRead(t, newReader(t, "account: {column: Acc}\ncurrency: EUR\ncolumns: {booked: Date, amount: Amount}"),
		"Acc,Date,Amount\n1,2024-01-02,5\nAcc,Date,Amount\n1,2024-01-03,6\n", `
statement at=2:1 account=1 currency=EUR fault=line 3 is the header line again
entry at=2:1 amount=5 booked=2024-01-02
entry at=3:1 amount=Acc,Date,Amount refused=row
entry at=4:1 amount=6 booked=2024-01-03
`)
}

// TestMismatch checks why a mapping does not fit, and how many columns match.
func TestMismatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, want string
		matched    int
	}{
		{"Date;Sum;Ref\n", "1:1: the CSV mapping of acme does not fit: the header line has no column `Amount`; it has `Date`, `Sum`, `Ref`; " +
			"declare the `delimiter`, and the number of lines before the header as `skip`", 2},
		{"date,amount\n", "1:1: the CSV mapping of acme does not fit: the header line has no column `Date`, `Amount`, `Ref`; it has `date`, `amount`; " +
			"declare the `delimiter`, and the number of lines before the header as `skip`", 0},
		{"Date,Amount,Ref,Ref\n", "1:1: the CSV mapping of acme does not fit: the header line has column `Ref` twice; " +
			"name the columns with `header`, and skip this line with `skip`", 3},
		{"%PDF-1.7\n", "1:1: the CSV mapping of acme does not fit: the header line has no column `Date`, `Amount`, `Ref`; it has `%PDF-1.7`; " +
			"declare the `delimiter`, and the number of lines before the header as `skip`", -1},
		{"Ref,Amount,Date\n", "", 0},
	} {
		got := ""
		_, reason, matched := newReader(t, plainMapping).Fits([]byte(c.text))
		if reason != nil {
			got = reason.Error()
		}
		if got != c.want || matched != c.matched {
			t.Errorf("%q: %d, %s; want %d, %s", c.text, matched, got, c.matched, c.want)
		}
	}
}

// TestEncodings reads one row in each encoding.
func TestEncodings(t *testing.T) {
	t.Parallel()
	const mapping = "account: LT62\ncurrency: EUR\ncolumns: {booked: Täg, amount: Amount, text: Text}\n"
	const want = "statement at=2:1 account=LT62 currency=EUR\nentry at=2:1 amount=1 booked=2024-01-02 text=Müller €\n"
	utf16 := func(text string, swap int) string {
		b := []byte{}
		for _, c := range "\ufeff" + text {
			pair := [2]byte{byte(c >> 8), byte(c)}
			b = append(b, pair[swap], pair[1-swap])
		}
		return string(b)
	}
	const text = "Täg;Amount;Text\n2024-01-02;1;Müller €\n"
	ansi := strings.NewReplacer("ä", "\xe4", "ü", "\xfc", "€", "\x80").Replace(text)
	for name, c := range map[string]struct{ declared, text string }{
		"utf-8":                  {"", text},
		"utf-8 with mark":        {"", "\ufeff" + text},
		"utf-16 little endian":   {"", utf16(text, 1)},
		"utf-16 big endian":      {"", utf16(text, 0)},
		"windows-1252 undecl":    {"", ansi},
		"windows-1252":           {"encoding: windows-1252\n", ansi},
		"iso-8859-15":            {"encoding: ISO-8859-15\n", strings.NewReplacer("\x80", "\xa4").Replace(ansi)},
		"ibm850":                 {"encoding: ibm850\n", strings.NewReplacer("ä", "\x84", "ü", "\x81", " €", "").Replace(text)},
		"a mark beats the claim": {"encoding: windows-1252\n", "\ufeff" + text},
	} {
		want := want
		if name == "ibm850" { // which has no euro
			want = strings.Replace(want, " €", "", 1)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReader(t, c.declared+mapping)
			checkRead(t, r, c.text, want)
			if ok, _, _ := r.Fits([]byte(c.text)); !ok {
				t.Error("it does not match")
			}
		})
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mapping, text string
		want          bool
	}{
		{plainMapping, "Ref,More,Amount,Date\n", true},
		{plainMapping, "\"Ref\"\t\"Amount\"\tDate", true},
		{plainMapping, "Ref|Amount|Date\n", true},
		{plainMapping, " Ref ; Amount ;Date\n", true},
		{plainMapping + "delimiter: \"|\"", "Ref;Amount;Date\n", false},
		{plainMapping, "ref,Amount,Date\n", false},
		{plainMapping, "{\"a\": 1}\n", false},
		{plainMapping, "", false},
		{plainMapping, "title\nRef,Amount,Date\n", false},
		{plainMapping + "skip: 1", "title\nRef,Amount,Date\n", true},
		{plainMapping + "header: [Date, Amount, Ref]", "2024-01-02;1;x\n", true},
		{plainMapping + "header: [Date, Amount, Ref]", "2024-01-02;1\n", false},
		{plainMapping + "header: [Date, Amount, Ref]", "02.01.2024;1;x\n", false},
		{plainMapping + "header: [Date, Amount, Ref]\ncontrol: {row: first, count: {column: Amount}}", "T;1;x\n", true},
		{plainMapping + "header: [Date, Amount, Ref]\ncontrol: {row: first, where: {column: Date, is: T}, count: {column: Amount}}", "T;1;x\n", true},
		{plainMapping + "header: [Date, Amount, Ref]\ncontrol: {row: first, where: {column: Date, is: T}, count: {column: Amount}}", "U;1;x\n", false},
	} {
		if got, _, _ := newReader(t, c.mapping).Fits([]byte(c.text)); got != c.want {
			t.Errorf("%q with\n%s\nmatches: %v", c.text, c.mapping, got)
		}
	}
}
