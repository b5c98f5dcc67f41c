// Throughput of live intake, and the cost of a nearly empty batch.

package live_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/event/intake"
	"bursar/internal/event/live"
)

const benchYAML = `
stream: sales
format: jsonl
id: id
columns:
  id: {type: string}
  kind: {type: string, in: [shipment, payment, refund]}
  order: {type: string, from: data.order}
  amount: {type: "decimal(18,2)"}
  currency: {type: string, in: [USD, EUR]}
  at: {type: timestamp}
  note: {type: string, optional: true}
totals:
  amount: {sum: amount, by: currency}
`

// computedYAML has what DuckDB computes.
const computedYAML = benchYAML + `  refunds: {sum: amount, where: "kind = 'refund'"}
`

const benchRows = 1000

// benchBody is a request of a thousand events of 206 bytes; number makes it another.
func benchBody(number int64) []byte {
	body := make([]byte, 0, 206*benchRows)
	for row := range benchRows {
		from := len(body)
		body = fmt.Appendf(body, `{"id":"evt-%012d-%06d","kind":"payment","data":{"order":"ord-%010d"},"amount":"%d.%02d","currency":"EUR","at":"2026-01-01T00:%02d:%02dZ","note":"`,
			number, row, number%7919*int64(row), row+1, row%100, row/60%60, row%60)
		for len(body)-from < 206-3 {
			body = append(body, 'n')
		}
		body = append(body, "\"}\n"...)
	}
	return body
}

func benchmarkHarness(b *testing.B, yaml string) (*harness, *live.Intake, *atomic.Int64) {
	b.Helper()
	h := newHarness(b, yaml)
	h.Store.Now = time.Now
	sealed := &atomic.Int64{}
	l, err := live.Open(b.Context(), h.Store, h.Stream, live.Options{
		Spool: h.Spools, Window: time.Second, OnSealed: func(intake.Result) { sealed.Add(1) },
	})
	if err != nil {
		b.Fatal(err)
	}
	return h, l, sealed
}

// BenchmarkLive sends requests of a thousand events from several clients at once. It is compared with the minimum that has to be
// done: the same bytes, written and synced in turn.
func BenchmarkLive(b *testing.B) {
	for _, clients := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			_, l, sealed := benchmarkHarness(b, benchYAML)
			var next atomic.Int64
			var wg sync.WaitGroup
			var slowest atomic.Int64
			b.ResetTimer()
			for range clients {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						began := time.Now()
						a, err := l.Accept(context.Background(), live.Request{Body: benchBody(n)})
						if err != nil || a.Accepted != benchRows {
							b.Errorf("%+v, %v", a, err)
							return
						}
						if took := time.Since(began).Milliseconds(); took > slowest.Load() {
							slowest.Store(took)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N*benchRows)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(slowest.Load()), "slowest-ms")
			b.ReportMetric(float64(sealed.Load()), "batches")
			b.StopTimer()
			if err := l.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
	b.Run("write and sync", func(b *testing.B) {
		file, err := os.Create(filepath.Join(b.TempDir(), "file"))
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		for n := range b.N {
			if _, err := file.Write(benchBody(int64(n))); err != nil {
				b.Fatal(err)
			}
			if err := file.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*benchRows)/b.Elapsed().Seconds(), "events/s")
	})
}

// BenchmarkSmallBatch seals batches of one event each.
func BenchmarkSmallBatch(b *testing.B) {
	for name, yaml := range map[string]string{"plain": benchYAML, "computed": computedYAML} {
		b.Run(name, func(b *testing.B) {
			_, l, _ := benchmarkHarness(b, yaml)
			line := benchBody(0)[:206]
			for n := range b.N {
				copy(line[7:], fmt.Sprintf("evt-%019d", n))
				if _, err := l.Accept(b.Context(), live.Request{Body: append([]byte(nil), line...)}); err != nil {
					b.Fatal(err)
				}
				if err := l.Seal(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if err := l.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
