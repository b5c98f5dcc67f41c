// Seeded banks through the command line: whatever the order in which their files are imported, exports and verdicts are the same, the money is that
// of the bank's books, what pipelines say of a day is what the completeness says, and nothing is proven of what no file lists.

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bursar/internal/aggregate/banktest"
	"bursar/internal/aggregate/completeness"
)

// TestBanks plays a bank of each format in two orders, with all of its files or without one; SEED=n replays one both ways.
func TestBanks(t *testing.T) {
	t.Parallel()
	if os.Getenv("SEED") != "" {
		banktest.RunSeeds(t, 1, 1, func(t *testing.T, seed int) { playBank(t, seed, 2) })
		return
	}
	t.Run("OFX", func(t *testing.T) { t.Parallel(); playAll(t, banktest.New(2), 2) })
	t.Run("CSV", func(t *testing.T) { t.Parallel(); playLeftOut(t, banktest.New(3), 2) })
	t.Run("pages of two days, cut within the second", func(t *testing.T) { t.Parallel(); playAll(t, banktest.New(1016), 2) })
}

// TestSoakBanks tests SEEDS further banks.
func TestSoakBanks(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	seeds, err := strconv.Atoi(os.Getenv("SEEDS"))
	if err != nil {
		t.Fatal(err)
	}
	banktest.RunSeeds(t, 1001, seeds, func(t *testing.T, seed int) { playBank(t, seed, 3) })
}

// playBank imports all files of a bank, and all but one.
func playBank(t *testing.T, seed, orders int) {
	t.Helper()
	b := banktest.New(seed)
	t.Run("all files", func(t *testing.T) { playAll(t, b, orders) })
	t.Run("one left out", func(t *testing.T) { playLeftOut(t, b, orders) })
}

func playAll(t *testing.T, b *banktest.Books, orders int) {
	t.Helper()
	playFiles(t, b, b.Files, orders)
}

func playLeftOut(t *testing.T, b *banktest.Books, orders int) {
	t.Helper()
	at := b.IntN(len(b.Files))
	playFiles(t, b, slices.Delete(slices.Clone(b.Files), at, at+1), orders)
}

// TestSessions plays banks that send several statements of a day, and reports, in two orders.
func TestSessions(t *testing.T) {
	t.Parallel()
	if os.Getenv("SEED") != "" {
		banktest.RunSeeds(t, 1, 1, func(t *testing.T, seed int) { playSessions(t, seed, 2) })
		return
	}
	playSessions(t, 1007, 2) // a day ends with the balance that it began with, and a statement of it was made before
}

// TestSoakSessions tests SEEDS further banks.
func TestSoakSessions(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	seeds, err := strconv.Atoi(os.Getenv("SEEDS"))
	if err != nil {
		t.Fatal(err)
	}
	banktest.RunSeeds(t, 1001, seeds, func(t *testing.T, seed int) { playSessions(t, seed, 3) })
}

// importedBank is a project into which files of a bank were imported in some order, with runs in between.
type importedBank struct {
	dir, order string
	account    completeness.Account
	days       map[string]dayRow
	all        string // exports and verdicts
}

// dayRow is a pipeline's row of a day.
type dayRow struct {
	Opened, Closed         *string
	Entered, Moved, Status string
	Entries                int
}

// importBank imports files into a new project, in an order of their own, some at a time.
func importBank(t *testing.T, b *banktest.Books, files []banktest.Export, n int) importedBank {
	t.Helper()
	return importBankInto(t, bankProject(t), b, files, n)
}

func importBankInto(t *testing.T, dir string, b *banktest.Books, files []banktest.Export, n int) importedBank {
	t.Helper()
	files = slices.Clone(files)
	if n > 0 {
		b.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	}
	p := importedBank{dir: dir, order: banktest.Describe(files)}
	file(t, p.dir, "institutions/bank.yaml", b.Institution())
	file(t, p.dir, "pipelines/money.yaml", "pipeline: money\nfrom: entries\nkey: [account, currency, day]\nartifact:\n  moved: {sum: amount, where: \"kind = 'statement' AND status = 'BOOK'\"}\n"+
		"  entries: {sum: \"CASE WHEN takes_back IS NULL THEN 1 ELSE -1 END\", where: \"kind = 'statement' AND status = 'BOOK'\"}\n")
	folder := t.TempDir()
	var paths []string
	for i, text := range b.Texts(files) {
		paths = append(paths, file(t, folder, fmt.Sprintf("%d.%s", i, b.Suffix()), text))
	}
	for rest := paths; len(rest) > 0; {
		some := min(len(rest), 1+b.IntN(3))
		must(t, 0, append([]string{"import", "--project", p.dir}, rest[:some]...)...)
		if b.IntN(4) == 0 {
			must(t, 0, "run", "--project", p.dir)
		}
		rest = rest[some:]
	}
	must(t, 0, "run", "--project", p.dir)
	p.judge(t)
	if n == 0 {
		for _, pipeline := range []string{"days", "sides", "money"} {
			must(t, 0, "verify", pipeline, "--project", p.dir)
		}
	}
	return p
}

// judge asks for all that must not depend on the order.
func (p *importedBank) judge(t *testing.T) {
	t.Helper()
	var v struct{ Accounts []completeness.Account }
	got := bursar(t, "completeness", "--project", p.dir, "--json")
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || len(v.Accounts) != 1 {
		t.Fatalf("%v in %s%s", err, got.out, got.err)
	}
	p.account = v.Accounts[0]
	var verdicts []string
	for _, i := range p.account.Intervals {
		verdicts = append(verdicts, fmt.Sprintf("%s %s–%s %s %d %s", i.Kind, i.From, i.To, i.State, i.Entries, i.Amount))
	}
	slices.Sort(verdicts)
	days := exported(t, p.dir, "days")
	p.days = rowsOfDays(t, days)
	p.all = strings.Join(append(verdicts, days, exported(t, p.dir, "sides"), exported(t, p.dir, "money")), "\n")
}

func rowsOfDays(t *testing.T, export string) map[string]dayRow {
	t.Helper()
	rows := map[string]dayRow{}
	for line := range strings.Lines(export) {
		var row struct {
			Key      []string
			Artifact dayRow
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil || len(row.Key) != 3 {
			t.Fatalf("%v in %s", err, line)
		}
		rows[row.Key[2]] = row.Artifact
	}
	return rows
}

// playFiles imports files in several orders.
func playFiles(t *testing.T, b *banktest.Books, files []banktest.Export, orders int) {
	t.Helper()
	missing := b.Missing(files)
	first := ""
	for n := range orders {
		p := importBank(t, b, files, n)
		if n > 0 && p.all != first {
			t.Errorf("order %s: it stands\n%s\nand stood in the first order\n%s", p.order, p.all, first)
		}
		if n == 0 {
			first = p.all
		}
		if got, want := moneyOf(t, exported(t, p.dir, "money")), moneyIn(b.Listed(files)); got != want {
			t.Errorf("order %s: the money is\n%s\nwant\n%s\n%s", p.order, got, want, p.all)
		}
		p.checkProven(t, missing)
		p.checkAgree(t)
	}
}

// checkProven expects no day to be proven of which files lack an entry.
func (p *importedBank) checkProven(t *testing.T, missing []string) {
	t.Helper()
	for _, i := range p.account.Intervals {
		for _, day := range missing {
			if i.State == completeness.Proven && i.From <= day && day <= i.To {
				t.Errorf("order %s: %s–%s is PROVEN, and no file lists all entries of %s\n%s", p.order, i.From, i.To, day, p.all)
			}
		}
	}
}

// checkAgree expects a day to differ only where something is BROKEN.
func (p *importedBank) checkAgree(t *testing.T) {
	t.Helper()
	for day, row := range p.days {
		broken := false
		for _, i := range p.account.Intervals {
			broken = broken || i.State == completeness.Broken && i.From <= day && day <= i.To
		}
		if row.Status == "different" && !broken {
			t.Errorf("order %s: %s is different, and nothing of it is BROKEN\n%s", p.order, day, p.all)
		}
	}
}

// moneyIn is the sum and number of entries of each day, of rows that begin with the day and the amount.
func moneyIn(rows []string) string {
	sums, counts := map[string]int64{}, map[string]int{}
	for _, row := range rows {
		f := strings.Fields(row)
		n, err := strconv.ParseInt(strings.Replace(strings.TrimSuffix(f[1], "000"), ".", "", 1), 10, 64)
		if err != nil {
			panic(err)
		}
		sums[f[0]] += n
		counts[f[0]]++
	}
	return moneyLines(sums, counts)
}

// moneyOf is that of the export of the pipeline money.
func moneyOf(t *testing.T, export string) string {
	t.Helper()
	sums, counts := map[string]int64{}, map[string]int{}
	for line := range strings.Lines(export) {
		var row struct {
			Key      []string
			Artifact struct {
				Moved   string
				Entries int
			}
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		n, err := strconv.ParseInt(strings.Replace(strings.TrimSuffix(row.Artifact.Moved, "000"), ".", "", 1), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if n != 0 || row.Artifact.Entries != 0 {
			sums[row.Key[2]], counts[row.Key[2]] = n, row.Artifact.Entries
		}
	}
	return moneyLines(sums, counts)
}

func moneyLines(sums map[string]int64, counts map[string]int) string {
	var lines []string
	for day := range sums {
		lines = append(lines, fmt.Sprintf("%s %d in %d", day, sums[day], counts[day]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// playSessions imports the files of a bank with several statements of a day in several orders.
func playSessions(t *testing.T, seed, orders int) {
	t.Helper()
	b := banktest.NewIntraday(seed)
	first := ""
	for n := range orders {
		p := importBank(t, b, b.Files, n+seed%2)
		if n > 0 && p.all != first {
			t.Errorf("order %s: it stands\n%s\nand stood in the first order\n%s", p.order, p.all, first)
		}
		if n == 0 {
			first = p.all
		}
		for _, i := range p.account.Intervals {
			if i.State == completeness.Broken || i.Kind == "statement" && i.State != completeness.Proven {
				t.Errorf("order %s: %s %s–%s is %s: %s", p.order, i.Kind, i.From, i.To, i.State, i.Reason)
			}
		}
		sides := rowsOfDays(t, exported(t, p.dir, "sides"))
		for _, day := range b.Expected() {
			checkDay(t, p.days[day.Day], sides[day.Day], day)
		}
		if t.Failed() {
			t.Fatalf("order %s:\n%s", p.order, p.all)
		}
	}
}

// checkDay compares the rows of a day with the bank's books. If the day's balances form a circle, their order is unknown.
func checkDay(t *testing.T, is, side dayRow, want banktest.Day) {
	t.Helper()
	circle := is.Opened == nil && want.Opening == want.Closed
	if is.Status != "matched" || is.Entered != want.Moved || is.Entries != want.Entries || !circle && (statedIn(is.Opened) != want.Opening || statedIn(is.Closed) != want.Closed) {
		t.Errorf("%s: days says %s to %s by %d entries of %s, %s; want %+v", want.Day, statedIn(is.Opened), statedIn(is.Closed), is.Entries, is.Entered, is.Status, want)
	}
	if want.Reported && (side.Status != "matched" || side.Entered != want.Moved || side.Moved != want.Moved) {
		t.Errorf("%s: sides says %+v, want %+v", want.Day, side, want)
	}
}

func statedIn(value *string) string {
	if value == nil {
		return "null"
	}
	return *value
}
