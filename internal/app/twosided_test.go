// A real account seen from two sides, day by day, with the pipelines of the statements example: the change of its balance and
// the entries of the day.

package app

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// side is one day in the artifacts of the pipeline `sides`.
type side struct {
	Key      []string
	Artifact struct{ Moved, Entered, Difference, Status string }
}

// comparison is one day as another tool computed it from the same files.
type comparison struct {
	Date  string
	Delta string `json:"camt052_delta"`
	Entry string `json:"camt054_entry"`
	Match bool
}

// importAll imports files in random order and random groups, with runs of the pipelines in between.
func importAll(t *testing.T, a *App, random *rand.Rand, files []string, pipelines ...string) {
	t.Helper()
	files = slices.Clone(files)
	random.Shuffle(len(files), func(i, k int) { files[i], files[k] = files[k], files[i] })
	for len(files) > 0 {
		n := min(len(files), 1+random.IntN(1+len(files)/2))
		r, err := a.Import(t.Context(), files[:n], aggregate.Options{})
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			t.Fatal(err)
		}
		files = files[n:]
		if random.IntN(2) == 0 || len(files) == 0 {
			for _, p := range pipelines {
				runAll(t, a, p)
			}
		}
	}
}

// glob lists files, and fails the test if there are none.
func glob(t *testing.T, pattern ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files are %v, %v", len(files), pattern, err)
	}
	return files
}

// TestTwoSidedAccount finds the days on which the sides of a real account differ, and by how much, in whatever order
// the files of both sides are imported. Days with only one side are reported as such.
func TestTwoSidedAccount(t *testing.T) {
	t.Parallel()
	dir := statementtest.Data(t, "two_sided")
	want := expectedDays(t, dir)
	random := rand.New(rand.NewPCG(retailSeed(t), 5))
	a := openExample(t, "statements")
	importAll(t, a, random, append(glob(t, dir, "camt_052", "*.xml"), glob(t, dir, "camt_054", "*.xml")...), "sides")
	found, differ := 0, 0
	for _, line := range strings.Split(strings.TrimSuffix(string(exportOf(t, a, "sides")), "\n"), "\n") {
		var got side
		if err := json.Unmarshal([]byte(line), &got); err != nil || len(got.Key) != 3 {
			t.Fatalf("%s: %v", line, err)
		}
		w, known := want[got.Key[2]]
		if !known {
			if s := got.Artifact.Status; s == "matched" || s == "different" {
				t.Errorf("there is nothing to compare: %s", line)
			}
			continue
		}
		found++
		status := "matched"
		if !w.Match {
			differ++
			status = "different"
		}
		if got.Artifact.Status != status || rational(got.Artifact.Moved).Cmp(rational(w.Delta)) != 0 || rational(got.Artifact.Entered).Cmp(rational(w.Entry)) != 0 {
			t.Errorf("%s, want %+v", line, w)
		}
	}
	if found != len(want) || differ == 0 {
		t.Errorf("%d of %d days are compared, %d differ", found, len(want), differ)
	}
	checkProof(t, a, "sides")
}

// expectedDays returns what another tool computed from the files, by day.
func expectedDays(t *testing.T, dir string) map[string]comparison {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "EXPECTED.json"))
	var expected struct {
		Days, Match int
		Rows        []comparison
	}
	if err != nil || json.Unmarshal(text, &expected) != nil {
		t.Fatal(err)
	}
	days, match := map[string]comparison{}, 0
	for _, r := range expected.Rows {
		days[r.Date] = r
		if r.Match {
			match++
		}
	}
	if len(days) != expected.Days || match != expected.Match || match == 0 {
		t.Fatalf("%d days are described, of which %d match; want %d and %d", len(days), match, expected.Days, expected.Match)
	}
	return days
}
