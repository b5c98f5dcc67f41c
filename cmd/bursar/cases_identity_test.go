// What banks send again in another form: another order, other decimals, pages and names. The small files of the cases, in every
// order and twice.

package main

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// permutations are all orders of a list.
func permutations[T any](list []T) (all [][]T) {
	if len(list) <= 1 {
		return [][]T{slices.Clone(list)}
	}
	for i := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		for _, p := range permutations(rest) {
			all = append(all, append([]T{list[i]}, p...))
		}
	}
	return all
}

// sampled is up to so many of a list: a random one, or the first, the last, and random ones of the others.
func sampled[T any](random *rand.Rand, list []T, most int) []T {
	last := len(list) - 1
	switch {
	case last < most:
		return list
	case most == 1:
		return []T{list[random.IntN(len(list))]}
	}
	random.Shuffle(last-1, func(i, j int) { list[i+1], list[j+1] = list[j+1], list[i+1] })
	return append(list[:most-1], list[last])
}

// sameCases are cases whose files contain the same entries.
var sameCases = []struct {
	name, beginning, ending string
	institution             string
	entries                 int // stored in the end
	want                    string
}{
	{"newest first", "01-newest-first-", ".xml", "", 2, "NL91ABNA0417164300 EUR 2024-03-04 2024-03-04 PROVEN 1 50.00\nNL91ABNA0417164300 EUR 2024-03-04 2024-03-04 PROVEN 2 100.00"},
	{"other decimals", "03-decimals-", ".csv", "03-decimals.institution.yaml", 3, "DE02120300000000202051 EUR 2024-03-04 2024-03-04 CLAIMED 2 5.50\nDE02120300000000202051 EUR 2024-03-04 2024-03-05 CLAIMED 3 12.50"},
	{"running entry numbers", "05-running-entry-number-", ".xml", "", 3, "NL91ABNA0417164300 EUR 2024-03-04 2024-03-04 PROVEN 2 14.50\n" +
		"NL91ABNA0417164300 EUR 2024-03-04 2024-03-05 PROVEN 3 44.50\nNL91ABNA0417164300 EUR 2024-03-05 2024-03-05 PROVEN 1 30.00"},
	{"IBAN and currency", "07-iban-and-currency", "", "", 1, "NL91ABNA0417164300 EUR 2024-03-04 2024-03-04 PROVEN 1 20.00\nNL91ABNA0417164300 EUR 2024-03-04 2024-03-04 PROVEN 1 20.00"},
	{"a FITID of two", "16-fitid-shared-order-", ".ofx", "", 2, "4111000011112222 USD 2024-01-01 2024-01-31 CLAIMED 2 -103.00\n4111000011112222 USD 2024-01-05 2024-02-05 CLAIMED 2 -103.00"},
	{"other pages", "20-pages-cut-differently-", ".sta", "", 5, "DE97200411110123456700 EUR 2024-03-01 2024-03-01 PROVEN 2 30.00\n" +
		"DE97200411110123456700 EUR 2024-03-02 2024-03-02 PROVEN 2 70.00\nDE97200411110123456700 EUR 2024-03-02 2024-03-02 PROVEN 2 70.00\nDE97200411110123456700 EUR 2024-03-03 2024-03-03 PROVEN 1 50.00"},
}

// TestCasesOfOneMeaning imports the files of a case in some order, and all of them again.
func TestCasesOfOneMeaning(t *testing.T) {
	t.Parallel()
	testCasesOfOneMeaning(t, 1)
}

// TestSoakCasesOfOneMeaning takes every order.
func TestSoakCasesOfOneMeaning(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	testCasesOfOneMeaning(t, math.MaxInt)
}

// testCasesOfOneMeaning imports each case's files in so many orders.
func testCasesOfOneMeaning(t *testing.T, most int) {
	t.Helper()
	random := seeded(t)
	for _, c := range sameCases {
		files := slices.DeleteFunc(caseFiles(t, c.beginning, c.ending), func(path string) bool { return strings.HasSuffix(path, ".yaml") })
		orders := sampled(random, permutations(files), most)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first := ""
			for n, order := range orders {
				dir := bankProject(t)
				if c.institution != "" {
					text, err := os.ReadFile(caseFiles(t, c.institution, "")[0])
					if err != nil {
						t.Fatal(err)
					}
					file(t, dir, "institutions/bank.yaml", string(text))
				}
				for _, path := range order {
					must(t, 0, "import", path, "--project", dir)
				}
				must(t, 0, append([]string{"import", "--project", dir}, renamed(t, order)...)...)
				if got := intervalLines(t, 0, dir); sortedLines(got) != c.want {
					t.Errorf("order %d: completeness says\n%s\nwant\n%s", n, sortedLines(got), c.want)
				}
				must(t, 0, "run", "--project", dir)
				to := filepath.Join(dir, "days.jsonl")
				must(t, 0, "export", "days", "--to", to, "--project", dir)
				days, err := os.ReadFile(to)
				if err != nil || first != "" && string(days) != first {
					t.Errorf("order %d: the days are\n%s\nand were\n%s", n, days, first)
				}
				first = string(days)
				if stored := counted(t, first); stored != c.entries {
					t.Errorf("order %d: the days have %d entries, want %d: %q", n, stored, c.entries, inQuarantine(t, dir))
				}
				if n == 0 {
					must(t, 0, "verify", "--project", dir)
				}
			}
		})
	}
}

// renamed returns copies of files with other bytes and the same content.
func renamed(t *testing.T, files []string) (copies []string) {
	t.Helper()
	dir := t.TempDir()
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copies = append(copies, file(t, dir, "again-"+filepath.Base(path), string(text)+"\n"))
	}
	return copies
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// counted adds up the numbers of entries of all days.
func counted(t *testing.T, days string) (entries int) {
	t.Helper()
	for line := range strings.Lines(days) {
		var day struct {
			Artifact struct {
				Entries int `json:"entries"`
			} `json:"artifact"`
		}
		if err := json.Unmarshal([]byte(line), &day); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		entries += day.Artifact.Entries
	}
	return entries
}
