// Tests of the figures and checks; whole benchmarks are run by the command's own test.

package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/tools/shop"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 4}, 4}, {[]float64{8, 2}, 2}} {
		var rounds []Round
		for _, v := range c.values {
			rounds = append(rounds, Round{Figures: Figures{OursSeconds: v}})
		}
		if got := median(rounds, func(r *Round) float64 { return r.OursSeconds }); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	if peak, err := peakMemory(); err != nil || peak < 1<<20 {
		t.Errorf("peak memory is %d (%v)", peak, err)
	}
	if _, err := writtenBytes(); err != nil {
		t.Error(err)
	}
	if _, err := procField("/proc/self/status", "Nothing:"); err == nil {
		t.Error("a field that is not there was read")
	}
}

func TestSumLines(t *testing.T) {
	t.Parallel()
	lines := `{"key":"a","artifact":{"events":2,"shipped":"1.10","paid":"0.00","refunded":"0.05","balance":"1.15"}}
{"key":"b","artifact":{"events":1,"shipped":"0.00","paid":"12.00","refunded":"0.00","balance":"-12.00"}}
`
	want := shop.Totals{Events: 3, Shipped: 110, Paid: 1200, Refunded: 5}
	if got, err := sumLines(strings.NewReader(lines)); err != nil || got != want {
		t.Errorf("sums are %+v (%v), want %+v", got, err, want)
	}
	for _, broken := range []string{lines[:50], strings.Replace(lines, "12.00", "12.0", 1), strings.Replace(lines, "12.00", "x", 1)} {
		if _, err := sumLines(strings.NewReader(broken)); err == nil {
			t.Errorf("no error for %s", broken)
		}
	}
}

// A side with wrong sums must not be measured.
func TestCheck(t *testing.T) {
	t.Parallel()
	batch := shop.Totals{Events: 10, Keys: 4, Shipped: 100, Paid: 50, Refunded: 1}
	state := shop.Totals{Events: 5, Keys: 5, Shipped: 7}
	fresh := func() (*bench, *yardstickResult, *productResult) {
		return &bench{Options: Options{Batches: 1}, totals: []shop.Totals{batch}, stateTotals: state},
			&yardstickResult{Keys: 4, Sums: sumTexts(batch)},
			&productResult{Touched: []int64{4}, Parts: []string{"d"}, Sums: sumTexts(addTotals(state, batch))}
	}
	b, yard, ours := fresh()
	if err := b.checkRound(yard, ours); err != nil {
		t.Fatal(err)
	}
	ours.Sums = nil
	if err := b.checkRound(yard, ours); err != nil {
		t.Errorf("a second round of equal parts: %v", err)
	}
	for name, spoil := range map[string]func(*bench, *yardstickResult, *productResult){
		"yardstick's sums":  func(_ *bench, y *yardstickResult, _ *productResult) { y.Sums["paid"] = "0.51" },
		"yardstick's rows":  func(_ *bench, y *yardstickResult, _ *productResult) { y.Keys = 5 },
		"changed artifacts": func(_ *bench, _ *yardstickResult, o *productResult) { o.Touched[0] = 3 },
		"runs":              func(_ *bench, _ *yardstickResult, o *productResult) { o.Touched = nil },
		"artifacts' sums":   func(_ *bench, _ *yardstickResult, o *productResult) { o.Sums["shipped"] = "1.06" },
		"parts":             func(b *bench, _ *yardstickResult, o *productResult) { o.Sums, b.firstParts = nil, []string{"e"} },
	} {
		b, yard, ours := fresh()
		spoil(b, yard, ours)
		if err := b.checkRound(yard, ours); err == nil {
			t.Errorf("no error for other %s", name)
		}
	}
}

func TestCopyState(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "clone")
	linked := map[string]bool{
		"bursar.yaml": false, ".bursar/catalog.db": false, ".bursar/index/MANIFEST-000001": false,
		".bursar/index/000004.sst": true, ".bursar/objects/streams/payments/batches/00000001/events-0-0000.parquet": true,
	}
	for name := range linked {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyState(from, to); err != nil {
		t.Fatal(err)
	}
	for name, link := range linked {
		text, err := os.ReadFile(filepath.Join(to, name))
		if err != nil || string(text) != name {
			t.Errorf("%s is %q (%v)", name, text, err)
		}
		before, _ := os.Stat(filepath.Join(from, name))
		after, _ := os.Stat(filepath.Join(to, name))
		if os.SameFile(before, after) != link {
			t.Errorf("%s is linked: %v, want %v", name, !link, link)
		}
	}
}

func TestChildRefusesUnknownInput(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"", "{", `{"kind":"nothing"}`} {
		if err := RunChild(t.Context(), strings.NewReader(input), &strings.Builder{}); err == nil {
			t.Errorf("input %q was accepted", input)
		}
	}
}
