//go:build linux

// Bad files and bad places of statements: each ends in one clear message, and the valid file beside it is imported.

package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// member is one file of an archive: its text, and then zeros.
type member struct {
	name, text string
	zeros      int64
	flags      uint16
}

// zipOf packs members.
func zipOf(t *testing.T, members ...member) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		to, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Deflate, Flags: m.flags})
		if err == nil {
			_, err = io.Copy(to, io.MultiReader(strings.NewReader(m.text), io.LimitReader(zeros{}, m.zeros)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBadStatementFiles imports one bad file together with a good one.
func TestBadStatementFiles(t *testing.T) {
	t.Parallel()
	dir := bankProject(t)
	text, err := os.ReadFile(sample(t, dir, "sample/camt053*.xml")[0])
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	packed := zipOf(t, member{name: "in.xml", text: good})
	const many = 64 << 20
	for _, c := range []struct{ name, text, message string }{
		{"empty", "", "empty:1:1: the file is empty"},
		{"blank.xml", " \n\n\t", "blank.xml:1:1: the file is empty"},
		{"invoice.pdf", "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", `invoice.pdf:1:1: no known format: it begins with "%PDF-1.4"`},
		{"binary", "\x7fELF\x02\x01\x00\xfe", `binary:1:1: no known format: it begins with "7f 45 4c 46 02 01 00 fe"`},
		{"other.csv", "Datum;Betrag\n01.01.2025;1,00\n", `other.csv:1:1: no known format: it begins with "Datum;Betrag"; the CSV mapping of bank does not fit: the header line has no column ` +
			"`Konto`, `Währung`, `Buchungstag`, `Valuta`, `Referenz`, `Empfänger`, `Verwendungszweck`; it has `Datum`, `Betrag`"},
		{"cut.xml", good[:len(good)/2], "cut.xml:"},
		{"cut.zip", packed[:200], "cut.zip:1:1: unpack: "},
		{"empty.zip", zipOf(t), "empty.zip:1:1: the archive holds no file"},
		{"hidden.zip", zipOf(t, member{name: "__MACOSX/._in.xml", text: "x"}), "hidden.zip:1:1: the archive holds no file"},
		{"corrupt.zip", packed[:60] + "\xff\xff\xff\xff" + packed[64:], "corrupt.zip/in.xml:1:1: unpack: "},
		{"twice.zip", zipOf(t, member{name: "in.zip", text: packed}), "twice.zip/in.zip:1:1: it is packed twice; unpack it"},
		{"twice.gz", zipped(packed), "twice.gz:1:1: it is packed twice; unpack it"},
		{"cut.gz", zipped(good)[:100], "cut.gz:"},
		{"short.gz", "\x1f\x8b", "short.gz:1:1: unpack: "},
		{"secret.zip", zipOf(t, member{name: "in.xml", text: good, flags: 1}), "secret.zip/in.xml:1:1: a password protects the archive; unpack it"},
		{"zeros.zip", zipOf(t, member{name: "zeros", zeros: many}), "zeros.zip/zeros:1:1: no known format"},
		{"bomb.zip", zipOf(t, member{name: "a.xml", text: good[:strings.Index(good, "<Stmt>")] + "<Stmt><Id>", zeros: many}), "bomb.zip/a.xml:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := bankProject(t)
			bad := file(t, t.TempDir(), c.name, c.text)
			got := bursar(t, "import", bad, sample(t, dir, "sample/camt053*.xml")[0], "--project", dir, "--json")
			unquoted := strings.ReplaceAll(got.err, `\"`, `"`)
			if got.code != 1 || !strings.Contains(unquoted, c.message) || !strings.Contains(got.err, `"class":"data"`) {
				t.Errorf("exit code %d, standard error %s", got.code, got.err)
			}
			v := value(t, got)
			if taken := item(t, item(t, v, "files", 1), "parts", 0); taken["statements"] != 1.0 || taken["refused"] != nil {
				t.Errorf("the valid file gives %v", taken)
			}
			must(t, 1, "import", bad, "--project", dir) // for it is not remembered as taken in
		})
	}
}

// TestBadStatementArguments names what is no statement file.
func TestBadStatementArguments(t *testing.T) {
	t.Parallel()
	dir := bankProject(t)
	good := sample(t, dir, "sample/camt053*.xml")[0]
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	closed := file(t, t.TempDir(), "closed.xml", "<Document/>")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		code int
		err  string
		args []string
	}{
		{2, "needs", nil},
		{3, "the project declares bank, clearing", []string{good, "--institution", "nobody"}},
		{1, "it is a directory", []string{good, dir}},
		{1, "no such file or directory [data]\nhint: nothing was imported", []string{good, filepath.Join(dir, "nowhere.xml")}},
		{1, "it is a pipe, not a file", []string{good, pipe}},
		{1, "closed.xml: permission denied", []string{good, closed}},
		{3, "a statement of account XX1", nil},
		{2, "--until yesterday", nil},
	}
	for i, c := range cases {
		args := append([]string{"import"}, c.args...)
		switch i {
		case len(cases) - 2:
			args = []string{"completeness", "XX1"}
		case len(cases) - 1:
			args = []string{"completeness", "--until", "yesterday"}
		}
		if strings.Contains(c.err, "permission") && os.Geteuid() == 0 {
			continue // root may read everything
		}
		got := must(t, c.code, append(args, "--project", dir)...)
		if !strings.Contains(got.err, c.err) || got.out != "" && i < len(cases)-2 {
			t.Errorf("%v: standard output %q, standard error %s", args, got.out, got.err)
		}
	}
	if v := value(t, must(t, 0, "completeness", "--project", dir, "--json")); length(t, v, "accounts") != 0 {
		t.Errorf("something was taken in: %v", v)
	}
}

// TestStatementsOnFullDisk imports on a disk that is full: nothing counts before it all does, and the same import succeeds once
// there is room.
func TestStatementsOnFullDisk(t *testing.T) {
	t.Parallel()
	for _, leave := range []int64{0, 200, 450} { // KiB
		t.Run(fmt.Sprint(leave), func(t *testing.T) {
			t.Parallel()
			const entries = 4000
			dir := filepath.Join(disk(t, 16<<10), "bank")
			must(t, 0, "init", dir, "--example", "statements")
			path := statementOf(t, entries)
			free := fill(t, dir, leave)
			wantFull(t, bursar(t, "import", path, "--project", dir))
			free()
			if n := length(t, value(t, must(t, 0, "completeness", "--project", dir, "--json")), "accounts"); n != 0 {
				t.Errorf("%d accounts are known of a statement that was not taken in", n)
			}
			counts := object(t, object(t, imports(t, 0, dir, path)["streams"])["entries"])
			if number(counts, "accepted")+number(counts, "duplicates") != entries {
				t.Errorf("then import says %v", counts)
			}
			for _, a := range accountsOf(t, 0, dir) {
				if len(a.Intervals) != 1 || a.Intervals[0].State != completeness.Proven || a.Intervals[0].Entries != entries {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

// statementOf writes a statement of n entries.
func statementOf(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(":20:A\n:25:37040044/0532013000\n:28C:7/1\n:60F:C250101EUR0,00\n")
	for range n {
		b.WriteString(":61:2501010101C1,00NTRFNONREF\n:86:the same again\n")
	}
	b.WriteString(":62F:C250101EUR4000,00\n-\n")
	return file(t, t.TempDir(), "big.sta", b.String())
}

// TestErrorsNameTheStatementsLine: an event of a statement file is named by its line there, not by the row that the import made of it.
func TestErrorsNameTheStatementsLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ pipeline, want string }{
		"long key": {"key: reference\nartifact: {n: {count: true}}\n", `key column "reference" of the event in %s:4:1 is 5000 bytes long`},
		"overflow": {"key: account\nartifact: {n: {sum: \"length(text) * 4000000000000000000\"}}\n", "fails on the event in %s:4:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "p")
			must(t, 0, "init", dir)
			file(t, dir, "institutions/bank.yaml", "institution: bank\ncsv:\n  account: A1\n  currency: EUR\n  columns: {booked: day, amount: amount, reference: ref, text: [txt]}\n")
			statement := file(t, dir, "a.csv", "day,amount,ref,txt\n2024-01-01,1.00,r1,a\n2024-01-02,2.00,r2,b\n2024-01-03,3.00,"+strings.Repeat("k", 5000)+",long\n")
			must(t, 0, "import", statement, "--project", dir)
			file(t, dir, "pipelines/refs.yaml", "pipeline: refs\nfrom: entries\n"+c.pipeline)
			if got := must(t, 1, "run", "refs", "--project", dir); !strings.Contains(got.err, fmt.Sprintf(c.want, statement)) {
				t.Errorf("run says %s", got.err)
			}
		})
	}
}
