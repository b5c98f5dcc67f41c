//go:build linux

// Damage of files below the state folder while `bursar up` runs, and a repair that is killed.

package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ephemeralUp are files that mean nothing of what is stored while `bursar up` runs, and why.
var ephemeralUp = map[string]string{
	"token":     "it is written for people to read: `bursar up` knows its digest",
	"http.json": "it names the port that the next start tries first",
}

// TestDamageWhileUp damages a few files, chosen at random; TestSoakDamageWhileUp damages all.
func TestDamageWhileUp(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and repairs projects")
	}
	t.Parallel()
	testDamageWhileUp(t, 2)
}

func TestSoakDamageWhileUp(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	testDamageWhileUp(t, -1)
}

func testDamageWhileUp(t *testing.T, most int) {
	t.Helper()
	base, _ := damagedShop(t)
	must(t, 0, "publish", "--project", base) // the warehouse is there when it is damaged
	listed := copyProject(t, base)
	u := waiting(t, listed)
	cases := slices.DeleteFunc(damageCases(t, listed, ephemeralUp), func(c damageCase) bool { return unread(t, listed, c.name) })
	u.stop(syscall.SIGTERM, 0)
	must(t, 0, "run", "--project", listed)
	right := answers(t, listed)
	if most >= 0 {
		seeded(t).Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
		cases = cases[:min(most, len(cases))]
	}
	for _, c := range cases {
		t.Run(c.kind+" "+c.name, func(t *testing.T) {
			t.Parallel()
			testDamagedUp(t, base, c, right)
		})
	}
}

// unread reports whether a file of the index is not read again: the log that it does not write to, and a manifest
// that a newer one has replaced.
func unread(t *testing.T, dir, name string) bool {
	t.Helper()
	manifests, err := filepath.Glob(filepath.Join(dir, ".bursar", "index", "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatalf("no manifest of the index: %v", err)
	}
	matched, _ := filepath.Match("index/MANIFEST-*", name)
	return filepath.Ext(name) == ".log" || matched && filepath.Base(name) != filepath.Base(manifests[len(manifests)-1])
}

// waiting starts `bursar up` with an acknowledged request that waits in its spool.
func waiting(t *testing.T, dir string) *running {
	t.Helper()
	path := filepath.Join(dir, "streams", "payments.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	longer := bytes.Replace(text, []byte("{every: 1s}"), []byte("{every: 10m}"), 1)
	if bytes.Equal(longer, text) {
		t.Fatal("the example does not say when it seals")
	}
	if err := os.WriteFile(path, longer, 0o600); err != nil {
		t.Fatal(err)
	}
	u := bringUp(t, dir)
	if code, body := u.post(good("waits"), ""); code != http.StatusOK {
		t.Fatalf("the request is answered with %d: %s", code, body)
	}
	return u
}

func testDamagedUp(t *testing.T, base string, c damageCase, right map[string]outcome) {
	t.Helper()
	dir := copyProject(t, base)
	u := waiting(t, dir)
	path := filepath.Join(dir, ".bursar", c.name)
	if err := damages[c.kind](path); err != nil {
		t.Fatal(err)
	}
	damaged, _ := os.ReadFile(path) // it may be gone
	found := bursar(t, "verify", "--project", dir, "--json")
	now, _ := os.ReadFile(path)
	overwritten := c.kind == "flip" && c.name == "catalog.db" && !bytes.Equal(now, damaged) // by the page in SQLite's log
	inMemory := c.name == "warehouse.duckdb"                                                // DuckDB may still have all of it
	if !overwritten && !inMemory && (found.code == 0 || !strings.Contains(found.out, `"remedy":"bursar repair`)) {
		t.Errorf("while it is up verify ends with %d and says\n%s%s", found.code, found.out, found.err)
	}
	for query, got := range answers(t, dir) {
		if got.code != 0 && !strings.Contains(got.err, "bursar re") {
			t.Errorf("%s names no command: %s", query, got.err)
		}
	}
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for u.lines.Scan() {
		continue
	}
	_ = u.cmd.Wait() // it may say that not all could be sealed
	repaired := bursar(t, "repair", "--from", base, "--project", dir, "--json")
	if repaired.code != 0 {
		t.Errorf("repair: %s%s", repaired.out, repaired.err)
	}
	if again := bursar(t, "verify", "--project", dir, "--json"); again.code != 0 {
		t.Errorf("after %sverify says\n%s%s", repaired.out, again.out, again.err)
	}
	must(t, 0, "run", "--project", dir)
	for query, got := range answers(t, dir) {
		if query != "status" && (got.code != right[query].code || got.out != right[query].out) {
			t.Errorf("after %s%s says\n%s%swhere it is right to say\n%s", repaired.out, query, got.out, got.err, right[query].out)
		}
	}
}

// TestDamagedSpool damages the spool that a killed `bursar up` has left: the loss is reported until somebody dismisses it.
func TestDamagedSpool(t *testing.T) {
	t.Parallel()
	base := shop(t)
	waiting(t, base).stop(syscall.SIGKILL, -1)
	if err := os.Remove(filepath.Join(base, ".bursar", "commands.sock")); err != nil { // os.CopyFS takes files only
		t.Fatal(err)
	}
	spools, err := filepath.Glob(filepath.Join(base, ".bursar", "spool", "payments", "*.spool"))
	if err != nil || len(spools) != 1 {
		t.Fatalf("%q wait, %v", spools, err)
	}
	for kind, damage := range damages {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, base)
			if err := damage(filepath.Join(dir, ".bursar", "spool", "payments", filepath.Base(spools[0]))); err != nil {
				t.Fatal(err)
			}
			if found := bursar(t, "verify", "--project", dir, "--json"); found.code == 0 || !strings.Contains(found.out, `"remedy":"bursar repair`) {
				t.Errorf("verify ends with %d and says\n%s", found.code, found.out)
			}
			got := bursar(t, "run", "--project", dir)
			if got.code == 0 || !strings.Contains(got.err, "bursar repair --dismiss") {
				t.Errorf("run ends with %d: %s", got.code, got.err)
			}
			if got := bursar(t, "verify", "--project", dir, "--json"); got.code == 0 || !strings.Contains(got.out, "bursar repair --dismiss") {
				t.Errorf("then verify ends with %d and says\n%s", got.code, got.out)
			}
			must(t, 0, "repair", "--dismiss", "--project", dir)
			must(t, 0, "verify", "--project", dir)
			must(t, 0, "run", "--project", dir)
		})
	}
}

// TestRepairKilled kills repairs of a project that is damaged in several places; one that is let through ends the work.
func TestRepairKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills repairs for some seconds")
	}
	t.Parallel()
	random := seeded(t)
	base, right := damagedShop(t)
	dir := copyProject(t, base)
	cases := damageCases(t, dir, nil)
	random.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	for _, c := range cases[:4] {
		t.Logf("%s %s", c.kind, c.name)
		if err := damages[c.kind](filepath.Join(dir, ".bursar", c.name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	k := &killed{t: t, dir: dir, random: random}
	args := []string{"repair", "--from", base, "--project", dir, "--json"}
	for range 6 {
		k.child(time.Duration(1+random.IntN(1500))*time.Millisecond, args...)
	}
	repaired := must(t, 0, args...)
	if again := bursar(t, "verify", "--project", dir, "--json"); again.code != 0 {
		t.Errorf("after %sverify says\n%s%s", repaired.out, again.out, again.err)
	}
	for query, got := range answers(t, dir) {
		if got.code != right[query].code || got.out != right[query].out {
			t.Errorf("%s says\n%s%swhere it is right to say\n%s", query, got.out, got.err, right[query].out)
		}
	}
}
