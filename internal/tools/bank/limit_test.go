// Tests of limits: what exceeds them is refused and counted.

package bank

import (
	"io"
	"sync"
	"testing"
	"time"
)

func TestLimitOfRequests(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 20, Limit: Limit{Requests: 5, Per: time.Hour}})
	client, a := b.client(t), b.Accounts()[0]
	for n := range 8 {
		want := "200"
		if n >= 5 {
			want = "429"
		}
		if got := outcome(t, client, a.AccessURL+"/accounts?account="+a.ID, time.Minute); got != want {
			t.Errorf("request %d: %s, want %s", n, got, want)
		}
	}
	r := b.Report()
	if r.Violations != 3 || r.MostInWindow != 8 || r.Requests != 8 || r.ByProtocol[SimpleFIN] != 8 || r.ByAccount[a.ID] != 5 {
		t.Errorf("report: %+v", r)
	}
}

func TestWindowsOfTheLimit(t *testing.T) {
	t.Parallel()
	var c counts
	c.init(Limit{Requests: 2, Per: time.Second})
	at := time.Now()
	for n, step := range []struct {
		after time.Duration
		wait  time.Duration
	}{{0, 0}, {600, 0}, {300, 100}, {200, 0}, {400, 100}, {100, 0}} {
		at = at.Add(step.after * time.Millisecond)
		if wait := c.arrive(OFX, at); wait != step.wait*time.Millisecond {
			t.Errorf("request %d is asked to wait %v, want %v", n, wait, step.wait*time.Millisecond)
		}
		c.leave()
	}
	if c.report.MostInWindow != 4 || c.report.Violations != 2 || c.report.MostConcurrent != 1 {
		t.Errorf("report: %+v", c.report)
	}
}

func TestLimitOfConcurrentRequests(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 21, Limit: Limit{Concurrent: 2}})
	client, url := b.client(t), b.Accounts()[0].AccessURL+"/accounts"
	var slow sync.WaitGroup
	var ends []*io.PipeWriter
	for range 2 { // requests whose ends are not sent yet
		body, end := io.Pipe()
		ends = append(ends, end)
		slow.Go(func() {
			if response, err := client.Post(b.URL(OFX), "application/x-ofx", body); err != nil {
				t.Error(err)
			} else {
				_ = response.Body.Close() // nothing is read from it
			}
		})
	}
	for got := ""; got != "429"; { // until both have arrived
		if got = outcome(t, client, url, time.Minute); got != "200" && got != "429" {
			t.Fatal(got)
		}
	}
	for _, end := range ends {
		_ = end.Close() // it never fails
	}
	slow.Wait()
	if got := outcome(t, client, url, time.Minute); got != "200" {
		t.Errorf("afterwards: %s", got)
	}
	if r := b.Report(); r.MostConcurrent != 3 || r.Violations != 1 {
		t.Errorf("report %+v", r)
	}
}
