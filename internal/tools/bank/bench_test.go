// Measures how many requests an institution answers: the client and its TLS are part of it.

package bank

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

func BenchmarkStatements(b *testing.B) {
	bank := start(b, Options{Seed: 1, Accounts: 10_000})
	client, accounts, style := bank.client(b), bank.Accounts(), ofxStyles[2]
	var next atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(4)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			a := accounts[int(next.Add(1))%len(accounts)]
			response, err := client.Post(bank.URL(OFX), "application/x-ofx",
				strings.NewReader(style.request(a.User, a.Password, "", style.statement(a, "", ""))))
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
				b.Errorf("status %d: %v", response.StatusCode, err)
			}
			_ = response.Body.Close() // it was read
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
