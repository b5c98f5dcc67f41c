// Tests the parts of the demonstration that do not run commands. The test of `bursar demo` covers the rest.

package demo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/tools/shop"
)

func TestMakeFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "demo")
	s := &demonstration{Options: Options{Dir: dir}}
	if err := s.makeFolder(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "data", "left.jsonl")
	if err := os.MkdirAll(filepath.Dir(left), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&demonstration{Options: Options{Dir: dir, Keep: true}}).makeFolder(t.Context()); err == nil || !strings.Contains(err.Error(), "kept") {
		t.Errorf("with keep: %v", err)
	}
	if err := s.makeFolder(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(left)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the earlier demo left is there (%v)", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, markName)); string(text) != markText {
		t.Errorf("the folder made anew has the mark %q (%v)", text, err)
	}
}

func TestMakeFolderRefusesOthers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ledger.csv", markName} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := (&demonstration{Options: Options{Dir: dir}}).makeFolder(t.Context())
		if failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "not made by demo") {
			t.Errorf("a folder with %s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
}

func TestAmountsAdd(t *testing.T) {
	t.Parallel()
	sums := Amounts{}
	for _, more := range []Amounts{{"amount": {"USD": "0.05", "EUR": "-1.00"}}, {"amount": {"USD": "-0.15"}}} {
		if err := sums.add(more); err != nil {
			t.Fatal(err)
		}
	}
	if got := sums["amount"]; got["USD"] != "-0.10" || got["EUR"] != "-1.00" {
		t.Errorf("sums are %v", got)
	}
	for _, text := range []string{"1", "1.5", "x.00", "1.000", "0x1.00"} {
		if err := sums.add(Amounts{"amount": {"USD": text}}); err == nil {
			t.Errorf("%q was added", text)
		}
	}
}

func TestCompareBatch(t *testing.T) {
	t.Parallel()
	ledger, err := shop.Demo(t.Context(), t.TempDir(), shop.Options{Seed: 1, Events: 200})
	if err != nil {
		t.Fatal(err)
	}
	want := &ledger.Batches[0]
	right := func() *ingested {
		return &ingested{1, want.Rows, want.Accepted, want.Quarantined(), want.Duplicates, Amounts{"amount": want.Totals()}}
	}
	if err := compareBatch(want, right()); err != nil {
		t.Errorf("equal batch: %v", err)
	}
	wrong := right()
	wrong.Duplicates++
	if err := compareBatch(want, wrong); err == nil || failure.ExitCode(err) != 1 || !strings.Contains(err.Error(), "duplicates") {
		t.Errorf("another number of duplicates: %v", err)
	}
	wrong = right()
	wrong.Totals["amount"]["USD"] = "0.01"
	if err := compareBatch(want, wrong); failure.ExitCode(err) != 4 {
		t.Errorf("another total: %v, want exit code 4", err)
	}
}

func TestAddArtifacts(t *testing.T) {
	t.Parallel()
	lines := `{"key":["S1","USD"],"artifact":{"events":3,"ordered":"1.10","shipped":"1.10","paid":"1.11","refunded":"0.01"}}
{"key":["S2","USD"],"artifact":{"events":1,"ordered":"2.00","shipped":"0.00","paid":"0.00","refunded":"0.00"}}
{"key":["S3","EUR"],"artifact":{"events":1,"ordered":"7.00","shipped":"0.00","paid":"0.00","refunded":"0.00"}}
`
	p, err := addArtifacts(strings.NewReader(lines))
	if err != nil || p.events != 5 || p.sums["USD"] != "5.32" || p.sums["EUR"] != "7.00" {
		t.Errorf("sums are %+v (%v)", p, err)
	}
	for _, broken := range []string{lines[:40], `{"key":[],"artifact":{}}`, strings.Replace(lines, "1.10", "1.1", 1)} {
		if _, err := addArtifacts(strings.NewReader(broken)); err == nil {
			t.Errorf("no error for %s", broken)
		}
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	s := &demonstration{Options: Options{Name: "bursar", Dir: "it's here"}}
	want := `bursar get orders '["S1","USD"]' --project 'it'\''s here'`
	if got := s.commandLine("get", "orders", `["S1","USD"]`); got != want {
		t.Errorf("typed %s, want %s", got, want)
	}
	s.recordKill("run")
	if !s.hasKilled("run") || s.hasKilled("ingest") {
		t.Errorf("killed: %q", s.report.Killed)
	}
}

func TestLargestFirst(t *testing.T) {
	t.Parallel()
	a, b, c := Exception{"S1", "USD", "-3.00"}, Exception{"S2", "EUR", "2.99"}, Exception{"S3", "USD", "3.00"}
	if compareExceptions(a, b) >= 0 || compareExceptions(c, b) >= 0 || compareExceptions(a, c) >= 0 {
		t.Error("order is not by magnitude, then by name")
	}
}
