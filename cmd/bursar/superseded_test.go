//go:build linux

// Later versions of statements that do not hold.

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/app"
)

// TestSuperseded imports a statement that does not hold and then a later version that does: the earlier one is named, and breaks nothing.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	good := strings.ReplaceAll(oneAccount("7", "240304", "100,00", "20,00", "120,00"), " ", "")
	for name, bad := range map[string]string{
		"a closing balance":  strings.Replace(good, ":62F:C240304EUR120,00", ":62F:C240304EUR130,00", 1),
		"an opening balance": strings.Replace(good, "EUR100,00", "EUR90,00", 1),
		"an entry":           strings.Replace(good, "C20,00", "C25,00", 1),
		"a cut file":         good[:strings.Index(good, ":62F:")],
		"no account":         strings.Replace(good, ":25:NL91ABNA0417164300\n", "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "p")
			must(t, 0, "init", dir)
			first := file(t, dir, "first.sta", bad)
			bursar(t, "import", "--project", dir, first)
			if got := must(t, 4, "completeness", "--project", dir); !strings.Contains(got.out, "BROKEN") {
				t.Fatalf("before: %s", got.out)
			}
			imports(t, 0, dir, file(t, dir, "second.sta", good))
			if is := only(t, 0, dir); is.State != app.Proven || is.Closing != "120.00" {
				t.Errorf("it is %+v", is)
			}
			gone := accountsOf(t, 0, dir)["NL91ABNA0417164300"].Superseded
			if len(gone) != 1 || gone[0].File != "first.sta" || gone[0].By != "second.sta" || gone[0].Change == "" || gone[0].Reason == "" {
				t.Errorf("superseded: %+v", gone)
			}
			if got := must(t, 0, "completeness", "--project", dir); !strings.Contains(got.out, "superseded NL91ABNA0417164300") {
				t.Errorf("completeness shows %s", got.out)
			}
			wantSealed(t, dir, "20.00000")
			must(t, 0, "verify", "--project", dir)
			again := bursar(t, "import", "--project", dir, first)
			if got := must(t, 0, "completeness", "--project", dir, "--json"); !strings.Contains(got.out, "first.sta") {
				t.Errorf("imported again (%s): %s", again.out, got.out)
			}
		})
	}
}

// TestNotSuperseded keeps a statement BROKEN that no later version proves: a later one that does not hold, one of other days, and one that was there before.
func TestNotSuperseded(t *testing.T) {
	t.Parallel()
	for name, others := range map[string][2][5]string{
		"a version that does not hold": {{"7", "240304", "100,00", "20,00", "130,00"}, {"7", "240304", "100,00", "20,00", "140,00"}},
		"other days":                   {{"7", "240304", "100,00", "20,00", "130,00"}, {"8", "240305", "130,00", "20,00", "150,00"}},
		"the same number a year later": {{"7", "240304", "100,00", "20,00", "130,00"}, {"7", "250304", "130,00", "20,00", "150,00"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "p")
			must(t, 0, "init", dir)
			for i, o := range others {
				imports(t, 0, dir, mt940(t, dir, string(rune('a'+i))+".sta", o[0], o[1], o[2], o[3], o[4]))
			}
			if a := accountsOf(t, 4, dir)["NL91ABNA0417164300"]; len(a.Superseded) != 0 {
				t.Errorf("superseded: %+v", a.Superseded)
			}
		})
	}
}
