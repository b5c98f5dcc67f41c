//go:build linux && !race

// The work of other tests, done on servers: transcripts, the demonstration's data, recorded files and generated banks, and cases of the auditor
// with processes that are killed. Exports are byte for byte those of the same work on files.

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/aggregate/banktest"
	"bursar/internal/postgres/postgrestest"
)

// TestOnServers does a little of everything: one bank, which sends several statements of a day or one, and one case.
func TestOnServers(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	w := workload{demoEvents: 2000, days: 6, cases: sampled(random, []uint64{1, 2}, 1)}
	if random.IntN(2) == 0 {
		w.banks = []int{2}
	} else {
		w.sessions = []int{1007}
	}
	newServers(t).work(t, w)
}

// TestSoakOnServers does all of it, with SEEDS banks and cases.
func TestSoakOnServers(t *testing.T) {
	onlyInSoak(t)
	seeds, err := strconv.Atoi(os.Getenv("SEEDS"))
	if err != nil {
		t.Fatal(err)
	}
	w := workload{demoEvents: 200_000, days: 1000}
	for seed := range seeds {
		w.banks, w.sessions, w.cases = append(w.banks, 1001+seed), append(w.sessions, 1001+seed), append(w.cases, uint64(1001+seed))
	}
	newServers(t).work(t, w)
}

// workload is how much is done.
type workload struct {
	demoEvents, days int
	banks, sessions  []int    // seeds of banks
	cases            []uint64 // seeds of the auditor
}

func (s *servers) work(t *testing.T, w workload) {
	t.Helper()
	t.Run("scenarios", s.scenarios)
	t.Run("demo", func(t *testing.T) { t.Parallel(); s.demo(t, w.demoEvents) })
	t.Run("retail", func(t *testing.T) { t.Parallel(); s.retail(t, w.days) })
	t.Run("settlement", func(t *testing.T) {
		t.Parallel()
		s.recorded(t, firstOf(statementFiles(t, recorded(t, "settlement")), w.days))
	})
	t.Run("two sides", func(t *testing.T) {
		t.Parallel()
		dir := recorded(t, "two_sided")
		s.recorded(t, append(firstOf(statementFiles(t, filepath.Join(dir, "camt_052")), w.days), firstOf(statementFiles(t, filepath.Join(dir, "camt_054")), w.days)...))
	})
	for _, seed := range w.banks {
		t.Run(fmt.Sprint("bank ", seed), func(t *testing.T) { t.Parallel(); s.bank(t, func() *banktest.Books { return banktest.New(seed) }) })
	}
	for _, seed := range w.sessions {
		t.Run(fmt.Sprint("sessions of bank ", seed), func(t *testing.T) {
			t.Parallel()
			s.bank(t, func() *banktest.Books { return banktest.NewIntraday(seed) })
		})
	}
	var hits atomic.Int64
	t.Cleanup(func() { t.Logf("%d processes killed in %d cases", hits.Load(), len(w.cases)) })
	for _, seed := range w.cases {
		t.Run(fmt.Sprint("case ", seed), func(t *testing.T) {
			t.Parallel()
			playKilled(t, seed, &hits, func(dir string) { s.share(t, dir) })
		})
	}
}

func firstOf(files []string, n int) []string { return files[:min(n, len(files))] }

// differing is what a command prints of servers, and of files.
var differing = []struct {
	pattern *regexp.Regexp
	shown   string
}{
	{regexp.MustCompile(`(?m)^(✓ +files +)the stores that several processes use are not local files$`), "${1}the files of the stores are as they were when the project was closed"},
	{regexp.MustCompile(`(?m)^(✓ +temporal +)the histories are in a cluster$`), "${1}the database of histories is undamaged"},
	{regexp.MustCompile(`(?m)^(✓ +catalog +)\d+ documents`), "${1}8 documents"}, // those of processes and owners of streams are among them
	{regexp.MustCompile(`the index is not stored in local files`), "every block as it was written"},
	{regexp.MustCompile(`(?m)^✓ (storage|catalog|index|temporal|warehouse|vault) \(.*\n`), ""}, // of check --backends
}

// scenarios plays the transcripts. `check` compares declarations with stored data on servers only with --backends.
func (s *servers) scenarios(t *testing.T) {
	t.Parallel()
	eachScenario(t, inSoak(math.MaxInt, 4), func(t *testing.T, n int, path, text string) {
		const check, checkServers = "$ bursar check\n", "$ bursar check --backends\n"
		want := strings.ReplaceAll(text, check, checkServers)
		played := newScenario(t, 50+n)
		place := s.share(t, played.dir)
		played.prepare = func(command string) func() {
			if killedAfter.MatchString(command) {
				return s.holdIndex(t, place)
			}
			return func() {}
		}
		played.differ = func(output string) string {
			for _, d := range differing {
				output = d.pattern.ReplaceAllString(output, d.shown)
			}
			return output
		}
		if got := played.play(want); got != want {
			t.Errorf("the outputs are others: %s", firstDifference(got, want))
		}
	})
}

// holdIndex lets runs wait in the step index, so that a process can be killed when merge is done.
func (s *servers) holdIndex(t *testing.T, schema string) (release func()) {
	t.Helper()
	return postgrestest.Hold(t, s.database, "LOCK TABLE "+schema+".index_loads IN EXCLUSIVE MODE")
}

// killRun kills a run when merge is done.
func (s *servers) killRun(t *testing.T, dir, schema string) {
	t.Helper()
	release := s.holdIndex(t, schema)
	defer release()
	cmd := program(t, 0, dir)
	cmd.Env = append(os.Environ(), dieAfter+"=merge")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := ended(t, cmd, cmd.Wait()); got.code != -1 {
		t.Fatalf("the process lives after merge: %+v", got)
	}
}

// killIngest kills an ingest as soon as it writes a batch, or later.
func (s *servers) killIngest(t *testing.T, dir, schema, path string) {
	t.Helper()
	cmd := program(t, 0, "ingest", "payments", path, "--project", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	begun := "SELECT count(*) FROM " + schema + ".documents WHERE key = 'attempt/payments/batch'"
	for tick := time.NewTicker(time.Millisecond); postgrestest.Number(t, s.database, begun) == 0; {
		select {
		case err := <-exited:
			if got := ended(t, cmd, err); got.code != 0 {
				t.Fatalf("%+v", got)
			}
			return
		case <-tick.C:
		}
	}
	_ = cmd.Process.Kill() // it may have ended
	ended(t, cmd, <-exited)
}

// demo has the demonstration done on files, which compares it with its ledger, and its commands given on servers: one ingest and one run are
// killed, and another machine goes on.
func (s *servers) demo(t *testing.T, events int) {
	embedded := filepath.Join(t.TempDir(), "demo")
	cmd := program(t, 0, "demo", embedded, "--events", fmt.Sprint(events))
	cmd.Env = append(os.Environ(), asProgram+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := ended(t, cmd, cmd.Wait()); got.code != 0 {
		t.Fatalf("demo: %+v", got)
	}
	dir := elsewhere(t, embedded)
	schema := s.share(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "data", "*.jsonl"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for i, path := range files {
		switch i {
		case 4:
			must(t, 0, "run", "--project", dir)
			s.killIngest(t, dir, schema, path)
			dir = elsewhere(t, dir)
		case 7:
			s.killRun(t, dir, schema)
			must(t, 0, "run", "--project", dir)
		}
		must(t, 0, "ingest", "payments", path, "--project", dir)
	}
	must(t, 0, "run", "--project", dir)
	wantExports(t, dir, map[string]string{"orders": exported(t, embedded, "orders")})
}

// retail folds invoices of the first days, in two runs.
func (s *servers) retail(t *testing.T, days int) {
	files, err := filepath.Glob(filepath.Join(recorded(t, "retail"), "*.csv"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	files = firstOf(files, days)
	var dirs []string
	for range 2 {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("../../examples/retail")); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	s.share(t, dirs[1])
	for _, dir := range dirs {
		for part := range slices.Chunk(files, (len(files)+1)/2) {
			must(t, 0, append([]string{"ingest", "sales", "--project", dir}, part...)...)
			must(t, 0, "run", "--project", dir)
		}
	}
	wantExports(t, dirs[1], map[string]string{"invoices": exported(t, dirs[0], "invoices")})
}

// recorded imports statement files, half of them on another machine, and folds them.
func (s *servers) recorded(t *testing.T, files []string) {
	want := undisturbed(t, files)
	dir := bankProject(t)
	s.share(t, dir)
	half := len(files) / 2
	imports(t, 0, dir, files[:half]...)
	must(t, 0, "run", "--project", dir)
	dir = elsewhere(t, dir)
	imports(t, 0, dir, files[half:]...)
	must(t, 0, "run", "--project", dir)
	wantExports(t, dir, want)
}

// bank imports the files of a bank, and expects the same exports and verdicts.
func (s *servers) bank(t *testing.T, books func() *banktest.Books) {
	b := books()
	want := importBank(t, b, b.Files, 0)
	b = books()
	dir := bankProject(t)
	s.share(t, dir)
	if got := importBankInto(t, dir, b, b.Files, 0); got.all != want.all {
		t.Errorf("order %s: it stands\n%s\nand on files\n%s", got.order, got.all, want.all)
	}
}
