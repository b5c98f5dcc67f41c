// Damage of every file below the state folder, while stopped: `verify` reports it, no command prints a wrong figure without a
// word, and the command that the report names mends it.

package main

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ephemeral are files that mean nothing while the project is stopped, and why.
var ephemeral = map[string]string{
	"lock":            "the system holds the lock, not the file",
	"lock.json":       "it names the process that has the project, for those who wait",
	"api.json":        "it says where `bursar up` is reached while it runs",
	"closed.json":     "it says how the other files were left; without it they are not compared",
	"temporal.json":   "it names the ports that were used last",
	"temporal.db":     "it holds only history, may be deleted at any time, and is made again",
	"temporal.db-wal": "it is part of temporal.db",
	"temporal.db-shm": "SQLite makes it again from the log beside it",
	"temporal-tls":    "a certificate that is not whole is made anew",
	"index/LOCK":      "the system holds the lock, not the file",
	"catalog.db-shm":  "SQLite makes it again from the log beside it",
}

// damages are what is done to a file.
var damages = map[string]func(path string) error{
	"delete": os.Remove,
	"truncate": func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, info.Size()/2)
	},
	"flip": func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil || len(text) == 0 {
			return err
		}
		text[len(text)/2] ^= 4
		return os.WriteFile(path, text, 0o600)
	},
}

// damagedShop makes a project that has a file of every kind, and returns what it answers.
func damagedShop(t *testing.T) (dir string, right map[string]outcome) {
	t.Helper()
	dir = shop(t)
	sample := filepath.Join(dir, "sample", "payments.jsonl")
	must(t, 0, "ingest", "payments", sample, "--project", dir)
	must(t, 0, "run", "--project", dir)
	more := good("more-1") + good("more-2") + strings.Repeat("x", 1000) + "\n" + badRow
	must(t, 0, "ingest", "payments", file(t, dir, "more.jsonl", more), "--project", dir)
	must(t, 0, "ingest", "payments", file(t, dir, "wrong.jsonl", good("wrong")), "--project", dir)
	must(t, 0, "retract", "payments", "3", "--reason", "wrong", "--project", dir)
	must(t, 0, "run", "--project", dir)
	return dir, answers(t, dir)
}

// answers are the figures that a project gives: outcomes by question.
func answers(t *testing.T, dir string) map[string]outcome {
	t.Helper()
	all := map[string]outcome{}
	for name, args := range map[string][]string{
		"get": {"get", "orders", "o-1003", "USD"}, "export": {"export", "orders", "--to", filepath.Join(t.TempDir(), "out.jsonl")},
		"status": {"status"},
		"repeat": {"ingest", "payments", filepath.Join(dir, "more.jsonl"), "--dry-run"},
	} {
		got := bursar(t, append(args, "--project", dir, "--json")...)
		got.out = regexp.MustCompile(`"(age_days|to|file|generation|runs?|watermark|freshness_seconds)":[^,}]*`).ReplaceAllString(got.out, "")
		all[name] = got
	}
	return all
}

func copyProject(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "shop")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// damageCase is one kind of damage to one file.
type damageCase struct{ kind, name string }

// damageCases lists what can be done to the state of a project, but to what is ephemeral.
func damageCases(t *testing.T, dir string, also map[string]string) (cases []damageCase) {
	t.Helper()
	state := filepath.Join(dir, ".bursar")
	err := filepath.WalkDir(state, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(state, path)
		info, failed := entry.Info()
		if err != nil || failed != nil || ephemeral[name] != "" || ephemeral[filepath.Dir(name)] != "" || also[name] != "" {
			return err
		}
		for kind := range damages {
			if info.Size() > 0 || kind == "delete" {
				cases = append(cases, damageCase{kind, name})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(cases, func(a, b damageCase) int {
		return strings.Compare(a.name+" "+a.kind, b.name+" "+b.kind)
	})
	return cases
}

// TestDamage damages some files.
func TestDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("repairs projects")
	}
	t.Parallel()
	testDamages(t, 6)
}

// TestSoakDamage damages every file in every way.
func TestSoakDamage(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	testDamages(t, math.MaxInt)
}

// onlyInSoak skips a test that takes all of what another one samples.
func onlyInSoak(t *testing.T) {
	t.Helper()
	if os.Getenv("SEEDS") == "" {
		t.Skip("SEEDS is not set: with any number all is tried")
	}
}

// inSoak is all if SEEDS is set, and otherwise some.
func inSoak(all, some int) int {
	if os.Getenv("SEEDS") != "" {
		return all
	}
	return some
}

// testDamages tries so many of the cases.
func testDamages(t *testing.T, most int) {
	t.Helper()
	dir, right := damagedShop(t)
	for _, c := range sampled(seeded(t), damageCases(t, dir, nil), most) {
		t.Run(c.kind+" "+c.name, func(t *testing.T) {
			t.Parallel()
			testDamage(t, dir, c.name, damages[c.kind], right)
		})
	}
}

func testDamage(t *testing.T, base, name string, damage func(string) error, right map[string]outcome) {
	t.Helper()
	dir := copyProject(t, base)
	if err := damage(filepath.Join(dir, ".bursar", name)); err != nil {
		t.Fatal(err)
	}
	queried := copyProject(t, dir)
	found := bursar(t, "verify", "--project", dir, "--json")
	if found.code == 0 {
		t.Errorf("verify says\n%s", found.out)
	}
	if !strings.Contains(found.out, `"remedy":"bursar repair`) {
		t.Errorf("verify names no command:\n%s%s", found.out, found.err)
	}
	for query, got := range answers(t, queried) {
		if got.code == 0 && got.out != right[query].out {
			t.Errorf("%s says\n%swhere it is right to say\n%s", query, got.out, right[query].out)
		}
		if got.code != 0 && !strings.Contains(got.err, "bursar re") {
			t.Errorf("%s names no command: %s", query, got.err)
		}
	}
	repaired := bursar(t, "repair", "--from", base, "--project", dir, "--json")
	if repaired.code != 0 {
		t.Errorf("repair: %s%s", repaired.out, repaired.err)
	}
	if again := bursar(t, "verify", "--project", dir, "--json"); again.code != 0 {
		t.Errorf("after %sverify says\n%s%s", repaired.out, again.out, again.err)
	}
	for query, got := range answers(t, dir) {
		if got.code != right[query].code || got.out != right[query].out {
			t.Errorf("after %s%s says\n%s%swhere it is right to say\n%s", repaired.out, query, got.out, got.err, right[query].out)
		}
	}
}

// After a power cut the note of how the project was left may be empty or hold anything: it is as if there were none.
func TestDamagedNote(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	for _, text := range []string{"", "{", string(make([]byte, 600))} {
		file(t, dir, ".bursar/closed.json", text)
		must(t, 0, "verify", "--project", dir)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".bursar", "closed.json*")); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestUnopenedIndex takes events in while the index cannot be opened, which they do not need; who needs it is given the reason, once.
func TestUnopenedIndex(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	sample := filepath.Join(dir, "sample", "payments.jsonl")
	must(t, 0, "ingest", "payments", sample, "--project", dir)
	must(t, 0, "run", "--project", dir)
	manifests, err := filepath.Glob(filepath.Join(dir, ".bursar", "index", "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, path := range manifests {
		if err := os.Truncate(path, 3); err != nil {
			t.Fatal(err)
		}
	}
	got := must(t, 0, "ingest", "payments", file(t, dir, "more.jsonl", good("more")), "--project", dir)
	if got.err != "" {
		t.Errorf("ingest: %s", got.err)
	}
	got = must(t, 1, "get", "orders", "o-1003", "USD", "--project", dir)
	if strings.Count(got.err, "bursar repair") != 1 {
		t.Errorf("get: %s", got.err)
	}
	must(t, 0, "repair", "--project", dir)
	must(t, 0, "verify", "--project", dir)
}

// TestDamagedOriginals damages what cannot be made again: statement files, and rows that are too long for a line. They come back
// from a copy of the project, and from nowhere else.
func TestDamagedOriginals(t *testing.T) {
	t.Parallel()
	dir := bankProject(t)
	must(t, 0, "import", filepath.Join(dir, "sample", "camt053-2026-03-02.xml"), "--project", dir)
	oversize := shop(t)
	long := file(t, oversize, "long.jsonl", good("short")+strings.Repeat("x", 64<<20+10)+"\n")
	must(t, 0, "ingest", "payments", long, "--project", oversize)
	for base, pattern := range map[string]string{dir: "objects/statements/*/*", oversize: "objects/streams/payments/batches/*/oversize-*"} {
		paths, err := filepath.Glob(filepath.Join(base, ".bursar", pattern))
		if err != nil || len(paths) != 1 {
			t.Fatalf("%s: %q, %v", pattern, paths, err)
		}
		name, err := filepath.Rel(base, paths[0])
		if err != nil {
			t.Fatal(err)
		}
		for kind, damage := range damages {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				dir := copyProject(t, base)
				if err := damage(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
				found := bursar(t, "verify", "--project", dir, "--json")
				if found.code == 0 || !strings.Contains(found.out, `"remedy":"bursar repair --from`) {
					t.Errorf("verify ends with %d and says\n%s", found.code, found.out)
				}
				if got := bursar(t, "repair", "--project", dir); got.code != 1 || !strings.Contains(got.err, "bursar repair --from") {
					t.Errorf("repair without a copy ends with %d: %s%s", got.code, got.out, got.err)
				}
				must(t, 0, "repair", "--from", base, "--project", dir)
				must(t, 0, "verify", "--project", dir)
			})
		}
	}
}

// TestRepairOfIndexAndMore damages every table of the index, and what it is made from: the records of the catalog, or parts.
func TestRepairOfIndexAndMore(t *testing.T) {
	t.Parallel()
	base, right := damagedShop(t)
	for name, more := range map[string]struct{ kind, pattern string }{
		"records": {"truncate", "catalog.db"},
		"parts":   {"flip", "objects/pipelines/orders/g*/parts/*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, base)
			for pattern, kind := range map[string]string{"index/*.sst": "flip", more.pattern: more.kind} {
				paths, err := filepath.Glob(filepath.Join(dir, ".bursar", filepath.FromSlash(pattern)))
				if err != nil || len(paths) == 0 {
					t.Fatal(paths, err)
				}
				for _, path := range paths {
					if err := damages[kind](path); err != nil {
						t.Fatal(err)
					}
				}
			}
			must(t, 0, "repair", "--project", dir)
			must(t, 0, "verify", "--project", dir)
			for query, got := range answers(t, dir) {
				if got.code != right[query].code || got.out != right[query].out {
					t.Errorf("%s says\n%s%swhere it is right to say\n%s", query, got.out, got.err, right[query].out)
				}
			}
		})
	}
}

// TestRepairPutsRetractionsBack loses the last retraction and the catalog that knows of it: a copy of the project has both.
func TestRepairPutsRetractionsBack(t *testing.T) {
	t.Parallel()
	base, right := damagedShop(t)
	dir := copyProject(t, base)
	if err := damages["delete"](filepath.Join(dir, ".bursar", "objects", "streams", "payments", "retractions", "00000001.json")); err != nil {
		t.Fatal(err)
	}
	if err := damages["truncate"](filepath.Join(dir, ".bursar", "catalog.db")); err != nil {
		t.Fatal(err)
	}
	if got := must(t, 0, "repair", "--from", base, "--project", dir); !strings.Contains(got.out, "entered retraction 1 of payments in the catalog again") {
		t.Errorf("repair says %s", got.out)
	}
	must(t, 0, "verify", "--project", dir)
	for query, got := range answers(t, dir) {
		if got.code != right[query].code || got.out != right[query].out {
			t.Errorf("%s says\n%s%swhere it is right to say\n%s", query, got.out, got.err, right[query].out)
		}
	}
}
