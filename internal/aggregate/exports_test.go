// Tests banks of one account whose files overlap and are cut, corrected and sent again: in any order of imports the
// entries are those of the bank's ledger, and nothing is PROVEN that the files leave out.

package aggregate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bursar/internal/aggregate/banktest"
	"bursar/internal/aggregate/completeness"
	"bursar/internal/event"
)

// TestExports runs banks of several seeds, each in several orders; SEED=n replays one.
func TestExports(t *testing.T) {
	t.Parallel()
	playExports(t, 1, 8, 2, banktest.New)
	playExports(t, 1, 4, 2, banktest.NewLong)
}

// TestSoakExports runs further banks, as many as SEEDS.
func TestSoakExports(t *testing.T) {
	t.Parallel()
	seeds, err := strconv.Atoi(os.Getenv("SEEDS"))
	if err != nil {
		t.Skip("SEEDS is not set: it says how many banks are tried")
	}
	playExports(t, 1001, seeds, 5, banktest.New)
	playExports(t, 1001, seeds, 5, banktest.NewLong)
}

func playExports(t *testing.T, first, seeds, orders int, bank func(seed int) *banktest.Books) {
	t.Helper()
	banktest.RunSeeds(t, first, seeds, func(t *testing.T, seed int) { (&banks{bank(seed)}).play(t, orders) })
}

// banks are the banks of one seed, whose files are imported.
type banks struct{ *banktest.Books }

// play imports the files in several orders, each into new stores.
func (b *banks) play(t *testing.T, orders int) {
	t.Helper()
	stored, verdicts := "", ""
	for n := range orders {
		files := slices.Clone(b.Files)
		switch n {
		case 0:
		case 1:
			slices.Reverse(files)
		default:
			b.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		}
		h := newFixture(t, "")
		h.file("project/institutions/bank.yaml", b.Institution())
		h.importer.Project = h.read()
		for rest := files; len(rest) > 0; {
			some := min(len(rest), 1+b.IntN(3))
			h.sendNamed(b.Suffix(), b.Texts(rest[:some])...)
			rest = rest[some:]
		}
		entries, judged := h.movements(), b.verdicts(h)
		if b.Long {
			entries = h.movementsBy("'', ''")
		}
		if want := b.Ledger(1, banktest.Days); !slices.Equal(entries, want) {
			t.Fatalf("order %s: the entries are\n%s\nwant\n%s\n%s\n%s", banktest.Describe(files), strings.Join(entries, "\n"), strings.Join(want, "\n"), judged, h.inQuarantine())
		}
		if n := h.quarantined(); n > 0 && !b.Long && !slices.ContainsFunc(files, func(e banktest.Export) bool { return e.Fault != "" }) {
			t.Fatalf("order %s: in quarantine are\n%s", banktest.Describe(files), h.inQuarantine())
		}
		if n > 0 && (strings.Join(entries, "\n") != stored || judged != verdicts) {
			t.Fatalf("order %s: verdicts\n%s\nand in the first order\n%s", banktest.Describe(files), judged, verdicts)
		}
		stored, verdicts = strings.Join(entries, "\n"), judged
		if b.Format == "camt" || b.Format == "mt" {
			b.checkBroken(t, h)
		}
	}
}

// checkBroken expects every faulty file to be superseded by the whole one of the same days.
func (b *banks) checkBroken(t *testing.T, h *fixture) {
	t.Helper()
	for _, a := range h.judged("") {
		for _, i := range a.Intervals {
			if i.State == completeness.Broken {
				t.Errorf("%s %s–%s stays BROKEN though the whole file is there: %+v\n%s", a.Account, i.From, i.To, i, banktest.Describe(b.Files))
			}
		}
	}
}

// verdicts are all intervals, sorted.
func (b *banks) verdicts(h *fixture) string {
	var all []completeness.Interval
	for _, a := range h.judged("") {
		all = append(all, a.Intervals...)
	}
	return sorted(all)
}

// sendNamed imports texts as files of new names with a suffix, in one call.
func (h *fixture) sendNamed(suffix string, texts ...string) {
	h.Helper()
	dir := h.TempDir()
	paths := make([]string, len(texts))
	for i, text := range texts {
		paths[i] = filepath.Join(dir, fmt.Sprintf("%d.%s", i, suffix))
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			h.Fatal(err)
		}
	}
	h.imported(paths...)
}

// movements are the entries as day, amount, reference and text, without those that are cancelled.
func (h *fixture) movements() []string { return h.movementsBy("coalesce(reference, ''), text") }

// movementsBy has other columns after day and amount.
func (h *fixture) movementsBy(columns string) (rows []string) {
	taken := map[string]bool{}
	all := h.stored("entries", "id, coalesce(takes_back, '-'), strftime(day, '%Y-%m-%d'), amount, "+columns)
	for _, row := range all {
		id, rest, _ := strings.Cut(row, " ")
		if original, _, _ := strings.Cut(rest, " "); original != "-" {
			taken[id], taken[original] = true, true
		}
	}
	for _, row := range all {
		id, rest, _ := strings.Cut(row, " ")
		if _, movement, _ := strings.Cut(rest, " "); !taken[id] {
			rows = append(rows, movement)
		}
	}
	slices.Sort(rows)
	return rows
}

// inQuarantine lists what is in quarantine, and why.
func (h *fixture) inQuarantine() string {
	var rows []string
	for _, stream := range []string{"entries", "balances"} {
		err := event.Quarantine(h.Context(), h.importer.Catalog, h.objects, stream, func(r event.Rejected) error {
			rows = append(rows, fmt.Sprintf("%+v", r))
			return nil
		})
		if err != nil {
			h.Fatal(err)
		}
	}
	return strings.Join(rows, "\n")
}
