// Tests that the memory of an import for its files is bounded in bytes.

package aggregate

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/rows"
)

// infosOf is an OFX file that lists n accounts, each with a description of some bytes.
func infosOf(n, bytes int) string {
	var b strings.Builder
	b.WriteString("OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:UTF-8\nCHARSET:NONE\n\n<OFX><SIGNUPMSGSRSV1><ACCTINFOTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><ACCTINFORS><DTACCTUP>20240101\n")
	for i := range n {
		fmt.Fprintf(&b, "<ACCTINFO><DESC>%s<BANKACCTINFO><BANKACCTFROM><BANKID>1<ACCTID>%d<ACCTTYPE>CHECKING</BANKACCTFROM><SUPTXDL>Y<XFERSRC>Y<XFERDEST>Y<SVCSTATUS>ACTIVE</BANKACCTINFO></ACCTINFO>\n",
			strings.Repeat("ä", bytes/2), i)
	}
	b.WriteString("</ACCTINFORS></ACCTINFOTRNRS></SIGNUPMSGSRSV1></OFX>\n")
	return b.String()
}

// size is the number of bytes of a result's notices, faults and refusals.
func (r *Result) size() (bytes int) {
	for _, f := range r.Files {
		for _, p := range f.Parts {
			bytes += len(p.Refused) + len(p.Quarantined)
			for _, fault := range p.Faults {
				bytes += len(fault)
			}
			for _, n := range p.Notices {
				for _, field := range n.Fields {
					bytes += len(field.Name) + len(field.Value)
				}
			}
		}
	}
	return bytes
}

func TestNoticesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.importer.limits = rows.Limits{Reports: 20_000, Bindings: 1000, Balances: 1000}
	r := h.send(infosOf(50, 4000), infosOf(50, 3000))
	if got := r.size(); got > 20_000 || got < 5000 {
		t.Errorf("%d bytes of notices are held", got)
	}
	counted := int64(0)
	for _, f := range r.Files {
		for _, n := range f.Parts[0].Notices {
			counted += max(n.Count, 1)
			for _, field := range n.Fields {
				if len(field.Value) > statement.MaxValueLength+len("…") || !utf8.ValidString(field.Value) {
					t.Fatalf("field %s has %d bytes: %q", field.Name, len(field.Value), field.Value)
				}
			}
		}
	}
	if counted < 100 {
		t.Errorf("%d notices are counted, and the files have 100 accounts", counted)
	}
	last := r.Files[1].Parts[0].Notices
	if n := last[len(last)-1]; n.What != "further notices" || n.Count < 2 {
		t.Errorf("the last notice is %+v", n)
	}
}

func TestFaultsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.importer.limits = rows.Limits{Reports: 5000, Bindings: 1000, Balances: 100_000}
	long := strings.Repeat("9", 30_000) // no amount has as many digits
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, ":20:S\n:25:A1\n:28C:%d/1\n:60F:C240303EUR0,00\n:61:2403040304C%s,00NTRFNONREF//B\n:62F:C240304EUR5,00\n-\n", i, long)
	}
	path := h.file("a.sta", b.String())
	r, err := h.importer.Import(t.Context(), []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := r.Files[0].Parts[0]
	if got := r.size(); got > 5000+2*statement.MaxTextLength || len(p.Faults) < 2 || !strings.HasSuffix(p.Faults[len(p.Faults)-1], "more of its statements do not hold") {
		t.Errorf("%d bytes are held; the faults are %.2000q", got, p.Faults)
	}
}

func TestBalancesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.importer.limits = rows.Limits{Reports: 5000, Bindings: 3000, Balances: 3000}
	for text, want := range map[string]string{
		mtOf(sheetOf("1", 6, 1017, items(6, 10)...)): "",
		strings.Replace(camtOf(sheetOf("2", 5, 1000, items(5, 10)...)), "<Bal>", "<Bal><Tp><CdOrPrtry><Prtry>"+strings.Repeat("X", 4000)+"</Prtry></CdOrPrtry></Tp><Amt Ccy=\"EUR\">1</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2024-03-04</Dt></Dt></Bal><Bal>", 1): "the statement's balances take more than 3000 bytes",
	} {
		r, err := h.importer.Import(t.Context(), []string{h.file("f"+fmt.Sprint(len(text)), text)}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Files[0].Parts[0].Refused; !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("refused %q, want %q", got, want)
		}
	}
}

func TestRefusalsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "abc": "abc", "abcdef": "abcd…", "abcä": "abc…", "ääää": "ää…"} {
		if got := statement.Brief(text, 4); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestAccountsAndNamesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.importer.limits = rows.Limits{Reports: 5000, Bindings: 1000, Balances: 3000}
	mt := func(account string) string {
		return ":20:S\n:25:" + account + "\n:28C:1/1\n:60F:C240303EUR0,00\n:62F:C240304EUR0,00\n-\n"
	}
	const longName = 4096
	archive := zipOf(t, "a.sta", mt("1")+mt("2"), "b.sta", mt("3"), strings.Repeat("n", longName+1), mt("4"), "c.sta", mt("NL91ABNA0417164300"))
	r, err := h.importer.Import(t.Context(), []string{h.file("all.zip", archive)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "1:1: the files of the import have too many accounts without an IBAN", "1:1: its name in the archive has more than 4096 bytes", ""} {
		if p := r.Files[0].Parts[i]; !strings.HasPrefix(p.Refused, want) || (want == "") != (p.Refused == "") || len(p.File) > longName {
			t.Errorf("%.300s is refused %q, want %q", p.File, p.Refused, want)
		}
	}
}
