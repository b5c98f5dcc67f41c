//go:build linux

// Statement files that are retracted, by processes that are killed too, and while `bursar up` runs.

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wrongAndRight is a project of an institution's CSV files that has a wrong file and the right one of the same days.
func wrongAndRight(t *testing.T) (dir, wrong, right string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir, "--example", "statements")
	file(t, dir, "institutions/own.yaml", "institution: own\ncsv:\n  account: NL91ABNA0417164300\n  currency: EUR\n  columns:\n    booked: Day\n    amount: Amount\n")
	wrong = file(t, dir, "wrong.csv", "Day,Amount\n2024-03-03,10\n2024-03-04,-25\n2024-03-05,3\n")
	right = file(t, dir, "right.csv", "Day,Amount\n2024-03-03,10\n2024-03-04,-20\n2024-03-05,3\n")
	imports(t, 0, dir, wrong)
	imports(t, 0, dir, right)
	return dir, wrong, right
}

// money returns the movements of the account's days by the example's pipeline of days.
func money(t *testing.T, dir string) string {
	t.Helper()
	must(t, 0, "run", "--project", dir)
	path := filepath.Join(t.TempDir(), "days.jsonl")
	must(t, 0, "export", "days", "--to", path, "--project", dir)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRetractStatementFile(t *testing.T) {
	t.Parallel()
	dir, wrong, right := wrongAndRight(t)
	both := money(t, dir)
	if got := must(t, 4, "completeness", "--project", dir); !strings.Contains(got.out, "lists other entries of the same days") {
		t.Errorf("completeness says %s", got.out)
	}
	must(t, 2, "retract", "statements", wrong, "--project", dir)
	must(t, 2, "retract", "statements", "--reason", why, "--project", dir)
	must(t, 3, "retract", "statements", "none.csv", "--reason", why, "--project", dir)
	got := must(t, 0, "retract", "statements", "wrong.csv", "--reason", why, "--project", dir)
	if !strings.Contains(got.out, "wrong.csv is retracted ("+why+"): 1 statement does not count any more.") || !strings.Contains(got.out, "Withdrew 1 entry") {
		t.Errorf("retract says %s", got.out)
	}
	alone := filepath.Join(t.TempDir(), "alone")
	must(t, 0, "init", alone, "--example", "statements")
	if err := os.CopyFS(filepath.Join(alone, "own"), os.DirFS(filepath.Join(dir, "institutions"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(alone, "own", "own.yaml"), filepath.Join(alone, "institutions", "own.yaml")); err != nil {
		t.Fatal(err)
	}
	imports(t, 0, alone, right)
	want := money(t, alone)
	if got := money(t, dir); got != want || got == both {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	if got := must(t, 0, "completeness", "--project", dir); !strings.Contains(got.out, "retracted "+wrong+" since ") {
		t.Errorf("completeness says %s", got.out)
	}
	if got := must(t, 0, "import", wrong, "--project", dir); !strings.Contains(got.out, wrong+" is retracted since ") {
		t.Errorf("import says %s", got.out)
	}
	if got := money(t, dir); got != want {
		t.Errorf("exported after the import of what is retracted is\n%swant\n%s", got, want)
	}
	must(t, 0, "verify", "--project", dir)
	u := bringUp(t, dir)
	refused, err := os.ReadFile(wrong)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "wrong.csv", string(refused))
	failed := filepath.Join(dir, "inbox", "statements", "failed", "wrong.csv")
	awaitFile(t, failed)
	if reason := awaitFile(t, failed+".error.txt"); !strings.Contains(reason, "is retracted ("+why+")") {
		t.Errorf("beside the file in the inbox stands %s", reason)
	}
	must(t, 0, "retract", "statements", wrong, "--undo", "--project", dir)
	if got := money(t, dir); got != both {
		t.Errorf("exported after --undo is\n%swant\n%s", got, both)
	}
	must(t, 0, "retract", "statements", wrong, "--reason", why, "--project", dir)
	if got := money(t, dir); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	u.stop(os.Interrupt, 0)
	must(t, 0, "verify", "--project", dir)
}

// TestRetractionCutShort cannot read the right file while the wrong one is retracted: until the command is repeated every figure comes with an error.
func TestRetractionCutShort(t *testing.T) {
	t.Parallel()
	dir, wrong, right := wrongAndRight(t)
	text, err := os.ReadFile(right)
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(dir, ".bursar", "objects", "statements", "*", fmt.Sprintf("%x", sha256.Sum256(text)))
	paths, err := filepath.Glob(original)
	if err != nil || len(paths) != 1 {
		t.Fatalf("%s: %q, %v", original, paths, err)
	}
	if err := os.Rename(paths[0], paths[0]+".away"); err != nil {
		t.Fatal(err)
	}
	must(t, 1, "retract", "statements", wrong, "--reason", why, "--project", dir)
	if err := os.Rename(paths[0]+".away", paths[0]); err != nil {
		t.Fatal(err)
	}
	figures := []string{"status", "run", "rebuild days", "export days --to " + filepath.Join(dir, "days.jsonl"), "exceptions days", "completeness", "verify", "verify days"}
	for _, command := range figures {
		got := must(t, 1, append(strings.Fields(command), "--project", dir)...)
		if !strings.Contains(got.err, "the retraction of "+wrong+" is not complete") || !strings.Contains(got.err, "bursar retract statements statements/") {
			t.Errorf("%s says %s", command, got.err)
		}
	}
	u := bringUp(t, dir)
	for _, query := range []string{"exceptions", `artifacts?key=["NL91ABNA0417164300","EUR","2024-03-04"]`} {
		if code, body := u.get("/v1/pipelines/days/"+query, u.token); code != 409 || !strings.Contains(body, "is not complete") {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
	u.stop(os.Interrupt, 0)
	must(t, 0, "retract", "statements", wrong, "--reason", why, "--project", dir)
	for _, command := range figures {
		must(t, 0, append(strings.Fields(command), "--project", dir)...)
	}
}

// TestKilledRetractingFile kills processes that retract a file, and that take it back, at moments of the time that these take, some of them without
// SEEDS.
func TestKilledRetractingFile(t *testing.T) {
	t.Parallel()
	dir, wrong, _ := wrongAndRight(t)
	both := money(t, dir)
	alone := copyProject(t, dir)
	began := time.Now()
	must(t, 0, "retract", "statements", wrong, "--reason", why, "--project", alone)
	took := time.Since(began)
	want := money(t, alone)
	const moments = 6
	for _, n := range sampled(seeded(t), []int{0, 1, 2, 3, 4, 5}, inSoak(moments, 3)) {
		k := &killed{t: t}
		after := took * time.Duration(n+1) / moments
		k.child(after, "retract", "statements", wrong, "--reason", why, "--project", dir) // it may have ended
		must(t, 0, "retract", "statements", wrong, "--reason", why, "--project", dir)
		if got := money(t, dir); got != want {
			t.Errorf("killed after %v: exported is\n%swant\n%s", after, got, want)
		}
		k.child(after, "retract", "statements", wrong, "--undo", "--project", dir)
		must(t, 0, "retract", "statements", wrong, "--undo", "--project", dir)
		if got := money(t, dir); got != both {
			t.Errorf("killed after %v: exported after --undo is\n%swant\n%s", after, got, both)
		}
	}
	must(t, 0, "verify", "--project", dir)
}
