// Control totals near their bound: every batch can be sealed, and only rows that do not fit wait in quarantine.

package intake_test

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/live/spool"
)

const wideYAML = `
stream: sales
format: jsonl
id: id
columns:
  id: {type: string}
  kind: {type: string, in: [sale, refund]}
  amount: {type: "decimal(38,2)"}
  currency: {type: string}
totals:
  amount: {sum: amount, by: currency}
`

// nines is an amount with so many digits before the mark.
func nines(digits int) string { return strings.Repeat("9", digits) + ".99" }

// TestTotalBeyond38Digits: a row that a total has no room for waits; duplicates and other groups do not.
func TestTotalBeyond38Digits(t *testing.T) {
	t.Parallel()
	h := newHarness(t, wideYAML)
	l := h.StartLive(live.Options{})
	big, again := sale("1", "sale", nines(36), "EUR"), sale("2", "sale", nines(36), "EUR")
	h.Accept(l, "", big, "1 1 0 0")
	got := h.Accept(l, "", again+big+sale("3", "sale", nines(36), "USD")+sale("1", "sale", nines(35), "EUR"), "4 1 1 2")
	if r := got.Rejected[0]; r.Row != 1 || r.Column != "amount" || !strings.Contains(r.Reason, "control total amount of EUR of the batch would have more than 38 digits") {
		t.Errorf("rejected is %+v", r)
	}
	if r := got.Rejected[1]; r.Row != 4 || !strings.HasPrefix(r.Reason, "conflict: ") {
		t.Errorf("rejected is %+v", r)
	}
	h.Accept(l, "", sale("4", "refund", "-0.01", "EUR")+sale("5", "sale", "0.01", "EUR")+sale("6", "sale", "0.01", "EUR"), "3 2 0 1")
	h.Seal(l)
	h.ExpectBatches("1: 8 4 1 3")
	if totals := (event.Totals{"amount": {"EUR": nines(36), "USD": nines(36)}}); !reflect.DeepEqual(h.Batches()[0].Totals, totals) {
		t.Errorf("totals are %v, want %v", h.Batches()[0].Totals, totals)
	}
	retried, err := h.RetryLive(l)
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(retried, "2 3 1 2 0") // the next batch has room for one of them
	h.Ingest("0 4 0 0 4", h.File("known.jsonl", big+again+sale("3", "sale", nines(36), "USD")+sale("4", "refund", "-0.01", "EUR")))
}

// TestTotalOfFileBeyond38Digits: likewise in files, dry runs, and for equal rows that are known by their content.
func TestTotalOfFileBeyond38Digits(t *testing.T) {
	t.Parallel()
	h := newHarness(t, strings.Replace(wideYAML, "id: id\n", "id: _content\n", 1))
	row := sale("1", "sale", nines(36), "EUR")
	path := h.File("sales.jsonl", row+row+row)
	dry, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{path}, intake.Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(dry, "0 3 1 2 0")
	h.Ingest("1 3 1 2 0", path)
	for left := 1; left >= 0; left-- {
		retried, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
		if err != nil {
			t.Fatal(err)
		}
		h.Expect(retried, fmt.Sprint(3-left, left+1, 1, left, 0))
	}
}

// TestSpoolBeyond38Digits: a spool of acknowledged events whose total does not fit is sealed by its successor.
func TestSpoolBeyond38Digits(t *testing.T) {
	t.Parallel()
	h := newHarness(t, wideYAML)
	w, err := h.Spools.Create(t.Context(), spool.Header{Stream: "sales", Number: 1, Opened: h.Now})
	if err != nil {
		t.Fatal(err)
	}
	for id := range 3 {
		err = errors.Join(err, w.Append("", []byte(sale(fmt.Sprint(id), "sale", nines(36), "EUR"))))
	}
	if err := errors.Join(err, w.Sync(t.Context()), w.Close()); err != nil {
		t.Fatal(err)
	}
	l := h.StartLive(live.Options{})
	h.ExpectBatches("1: 3 1 0 2")
	h.Accept(l, "", sale("9", "sale", "1.00", "EUR"), "1 1 0 0")
}

// TestTotalsNearTheBound sends random rows of both signs in requests and compares every verdict with plain sums.
func TestTotalsNearTheBound(t *testing.T) {
	t.Parallel()
	const seed = 3811
	r := rand.New(rand.NewPCG(seed, seed))
	h := newHarness(t, strings.Replace(wideYAML, "totals:\n", "totals:\n  refunds: {sum: amount, where: \"kind = 'refund'\"}\n", 1))
	l := h.StartLive(live.Options{})
	most, ok := new(big.Int).SetString(strings.Repeat("9", 38), 10)
	if !ok {
		t.Fatal("no number")
	}
	sums, known := map[string]*big.Int{"EUR": {}, "USD": {}, "refund": {}}, map[int]string{}
	for request := range 60 {
		body, want := "", [4]int{}
		for range 1 + r.IntN(5) {
			id, currency, kind := r.IntN(120), []string{"EUR", "USD"}[r.IntN(2)], []string{"sale", "refund"}[r.IntN(2)]
			n := new(big.Int).SetUint64(r.Uint64())
			n.Mul(n, n).Mod(n, most)
			if r.IntN(2) == 0 {
				n.Neg(n)
			}
			text := n.String()
			if r.IntN(4) == 0 {
				text, n = "1000", big.NewInt(1000)
			}
			row := sale(fmt.Sprint(id), kind, cents(text), currency)
			if earlier, is := known[id]; is && r.IntN(2) == 0 {
				row = earlier
			}
			body += row
			want[0]++
			touched := []*big.Int{sums[currency]}
			if kind == "refund" {
				touched = append(touched, sums["refund"])
			}
			fits := true
			for _, sum := range touched {
				fits = fits && new(big.Int).Add(sum, n).CmpAbs(most) <= 0
			}
			switch earlier, is := known[id]; {
			case is && earlier == row:
				want[2]++
			case is, !fits:
				want[3]++
			default:
				want[1]++
				known[id] = row
				for _, sum := range touched {
					sum.Add(sum, n)
				}
			}
		}
		a, err := l.Accept(t.Context(), live.Request{Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		if got := [4]int{int(a.Rows), int(a.Accepted), int(a.Duplicates), int(a.Quarantined)}; got != want {
			t.Fatalf("seed %d, request %d: got %v, want %v: %s", seed, request, got, want, body)
		}
	}
	h.Seal(l)
	totals := event.Totals{"amount": {"EUR": cents(sums["EUR"].String()), "USD": cents(sums["USD"].String())}, "refunds": {"": cents(sums["refund"].String())}}
	if got := h.Batches()[0].Totals; !reflect.DeepEqual(got, totals) {
		t.Errorf("seed %d: totals are %v, want %v", seed, got, totals)
	}
}

// cents puts the mark before the last two digits.
func cents(text string) string {
	digits, negative := strings.CutPrefix(text, "-")
	if len(digits) < 3 {
		digits = strings.Repeat("0", 3-len(digits)) + digits
	}
	text = digits[:len(digits)-2] + "." + digits[len(digits)-2:]
	if negative {
		return "-" + text
	}
	return text
}
