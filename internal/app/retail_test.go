// The retail example on the real files, compared with a naive computation.

package app

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"bursar/internal/event/intake"
)

// TestRetail ingests half a year of invoices twice, grouped and ordered differently, and expects the same bytes both times,
// equal to those of the naive computation (rules 4 and 6).
func TestRetail(t *testing.T) {
	files := retailFiles(t)
	want, rows := retailOracle(t, files)

	monthly := openTest(t, "../../examples/retail")
	var got intake.Result
	for _, month := range byMonth(files) {
		addResult(t, &got, monthly, month)
		runAll(t, monthly, "invoices")
	}
	checkCounts(t, got, rows)
	compareLines(t, exported(t, monthly), want)

	seed := retailSeed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	daily := openTest(t, "../../examples/retail")
	got = intake.Result{}
	for _, i := range random.Perm(len(files)) {
		addResult(t, &got, daily, files[i:i+1])
		if random.IntN(6) == 0 {
			runAll(t, daily, "invoices")
		}
	}
	runAll(t, daily, "invoices")
	checkCounts(t, got, rows)
	compareLines(t, exported(t, daily), want)
}

// retailFiles are the day files, in order of their days.
func retailFiles(t *testing.T) []string {
	t.Helper()
	data := os.Getenv("BURSAR_DATA")
	if data == "" {
		t.Skip("BURSAR_DATA is not set: it names the folder of sample data, with retail/*.csv in it")
	}
	files, err := filepath.Glob(filepath.Join(data, "retail", "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no retail/*.csv in %s", data)
	}
	return files
}

// retailSeed returns a random seed, or SEED if it is set. It is printed if the test fails.
func retailSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano() % 100000)
	if s := os.Getenv("SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d: SEED=%d go test ./internal/app -run '%s'", seed, seed, t.Name())
	return seed
}

// byMonth groups files named by their day.
func byMonth(files []string) [][]string {
	var months [][]string
	last := ""
	for _, f := range files {
		month := filepath.Base(f)[:len("2006-01")]
		if month != last {
			months, last = append(months, nil), month
		}
		months[len(months)-1] = append(months[len(months)-1], f)
	}
	return months
}

func addResult(t *testing.T, sum *intake.Result, a *App, files []string) {
	t.Helper()
	r, err := a.Ingest(t.Context(), "sales", files, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sum.Rows += r.Rows
	sum.Accepted += r.Accepted
	sum.Quarantined += r.Quarantined
	sum.Duplicates += r.Duplicates
}

func checkCounts(t *testing.T, got intake.Result, rows int64) {
	t.Helper()
	if got.Rows != rows || got.Accepted != rows || got.Quarantined != 0 || got.Duplicates != 0 {
		t.Errorf("ingested %+v, want all of %d rows accepted", got, rows)
	}
}

func exported(t *testing.T, a *App) []byte {
	t.Helper()
	return exportOf(t, a, "invoices")
}

func exportOf(t *testing.T, a *App, pipeline string) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := a.Queries.Export(t.Context(), pipeline, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// compareLines reports only the first line that differs, because the texts have megabytes.
func compareLines(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || !bytes.Equal(g[i], w[i]) {
			t.Fatalf("%d lines, want %d; line %d\n got %s\nwant %s", len(g), len(w), i+1, at(g, i), at(w, i))
		}
	}
}

func at(lines [][]byte, i int) []byte {
	if i < len(lines) {
		return lines[i]
	}
	return []byte("nothing")
}
