// The two streams of the sakila example on the real files, compared with a naive computation.

package app

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bursar/internal/event/intake"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/verify"
)

// TestSakila ingests both streams, whole and split into files in random order with runs in between. Both exports equal the naive
// computation (rule 6), and exactly the two rentals that are paid more than once are exceptions.
func TestSakila(t *testing.T) {
	rentals, payments := sakilaTable(t, "rental"), sakilaTable(t, "payment")
	want, paidTwice := sakilaOracle(t, rentals[1:], payments[1:])

	whole := openTest(t, "../../examples/sakila")
	ingestSakila(t, whole, "payments", payments)
	ingestSakila(t, whole, "rentals", rentals)
	runAll(t, whole, "rentals")
	compareLines(t, exportOf(t, whole, "rentals"), want)
	checkPaidTwice(t, whole, paidTwice)

	random := rand.New(rand.NewPCG(retailSeed(t), 1))
	dealt := openTest(t, "../../examples/sakila")
	for _, part := range deal(random, map[string][][]string{"rentals": rentals, "payments": payments}) {
		ingestSakila(t, dealt, part.stream, part.rows)
		if random.IntN(4) == 0 {
			runAll(t, dealt, "rentals")
		}
	}
	runAll(t, dealt, "rentals")
	compareLines(t, exportOf(t, dealt, "rentals"), want)
	checkPaidTwice(t, dealt, paidTwice)
	proof, err := dealt.Verifier.Verify(t.Context(), "rentals", verify.Options{Sample: 500})
	if err != nil || !proof.OK {
		t.Errorf("verify: %+v, %v", proof, err)
	}
	rebuilt, err := rebuildHere(t.Context(), dealt, "rentals")
	if err != nil || rebuilt.DigestBefore != rebuilt.DigestAfter || rebuilt.DigestAfter == "" {
		t.Errorf("rebuilt: %+v, %v", rebuilt, err)
	}
}

func sakilaTable(t *testing.T, name string) [][]string {
	t.Helper()
	data := os.Getenv("BURSAR_DATA")
	if data == "" {
		t.Skip("BURSAR_DATA is not set: it names the folder of sample data, with sakila/*.csv in it")
	}
	f, err := os.Open(filepath.Join(data, "sakila", name+".csv"))
	if os.IsNotExist(err) {
		t.Skipf("no sakila/%s.csv in %s", name, data)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func ingestSakila(t *testing.T, a *App, stream string, rows [][]string) {
	t.Helper()
	var text bytes.Buffer
	if err := csv.NewWriter(&text).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	r, err := a.Ingest(t.Context(), stream, []string{putFile(t, t.TempDir(), stream+".csv", text.String())}, intake.Options{})
	if err != nil || r.Accepted != int64(len(rows)-1) {
		t.Fatalf("%d of %d rows accepted, %v", r.Accepted, len(rows)-1, err)
	}
}

// part is some rows of a stream, to be written after its header.
type part struct {
	stream string
	rows   [][]string
}

// deal shuffles the rows of each table into several parts, and shuffles the parts.
func deal(random *rand.Rand, tables map[string][][]string) []part {
	var parts []part
	for _, stream := range slices.Sorted(maps.Keys(tables)) {
		header, rows := tables[stream][0], slices.Clone(tables[stream][1:])
		random.Shuffle(len(rows), func(i, k int) { rows[i], rows[k] = rows[k], rows[i] })
		for len(rows) > 0 {
			n := min(len(rows), 500+random.IntN(4000))
			parts = append(parts, part{stream, append([][]string{header}, rows[:n]...)})
			rows = rows[n:]
		}
	}
	random.Shuffle(len(parts), func(i, k int) { parts[i], parts[k] = parts[k], parts[i] })
	return parts
}

// sakilaOracle returns the expected export, and the rentals that are not paid exactly once.
func sakilaOracle(t *testing.T, rentals, payments [][]string) (lines []byte, open map[string]string) {
	t.Helper()
	paid := map[string][][]string{}
	for _, p := range payments {
		paid[p[3]] = append(paid[p[3]], p)
	}
	slices.SortFunc(rentals, func(a, b []string) int { return number(t, a[0]) - number(t, b[0]) })
	open = map[string]string{}
	for _, r := range rentals {
		all, total := paid[r[0]], new(big.Rat)
		slices.SortFunc(all, func(a, b []string) int { return strings.Compare(a[5], b[5]) })
		items := make([]string, len(all))
		for i, p := range all {
			amount, _ := new(big.Rat).SetString(p[4])
			total.Add(total, amount)
			items[i] = fmt.Sprintf(`{"payment_id":%s,"customer_id":%s,"amount":%q,"paid_at":%q}`, p[0], p[1], amount.FloatString(2), moment(p[5]))
		}
		status := "different"
		switch len(all) {
		case 0:
			status = "only-left"
		case 1:
			status = "matched"
		}
		artifact := fmt.Sprintf(`{"rentals":1,"payments":%d,"difference":%d,"status":%q,"rented_at":%q,"customer_id":%s,"paid":%q,"paid_by":[%s]}`,
			len(all), len(all)-1, status, moment(r[1]), r[3], total.FloatString(2), strings.Join(items, ","))
		lines = fmt.Appendf(lines, "{\"key\":%s,\"artifact\":%s}\n", r[0], artifact)
		if status != "matched" {
			open[r[0]] = artifact
		}
	}
	if got := slices.Sorted(maps.Keys(open)); !slices.Equal(got, []string{"1", "291"}) {
		t.Fatalf("the files have other defects than they are known for: %v", got)
	}
	return lines, open
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func moment(text string) string { return strings.Replace(text, " ", "T", 1) + "Z" }

// checkPaidTwice checks that the exceptions are the given rentals, each with its payments.
func checkPaidTwice(t *testing.T, a *App, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	err := a.Queries.Exceptions(t.Context(), "rentals", nil, func(x query.Exception) error {
		got[string(x.Key)] = string(x.Artifact)
		return nil
	})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("exceptions %v, %v\nwant %v", got, err, want)
	}
	for key, payments := range map[string]int{"1": 5, "291": 2} {
		if n := strings.Count(got[key], `"payment_id"`); n != payments {
			t.Errorf("rental %s lists %d payments, want %d", key, n, payments)
		}
	}
}
