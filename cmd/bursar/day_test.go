//go:build linux

// A day in minutes: real sales come in through HTTP and the inbox at once, in any order and more than once, while the
// process that takes them is killed again and again.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Lives of a process; every eighth ends by SIGTERM, the others by SIGKILL.
const (
	dayProcesses     = 8
	soakDayProcesses = 23
)

// day is the feeding of one project through all its processes.
type day struct {
	t     *testing.T
	dir   string
	sales *sales
	over  chan struct{} // no more duplicates are needed

	mu      sync.Mutex
	changed sync.Cond
	serving *running // nil between two processes

	acknowledged, again atomic.Int64 // accepted rows, as far as a response arrived, and known rows
}

func TestDayInMinutes(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a process seven times")
	}
	t.Parallel()
	runDay(t, dayProcesses)
}

func TestSoakDayInMinutes(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	runDay(t, soakDayProcesses)
}

func runDay(t *testing.T, processes int) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	d := &day{t: t, dir: t.TempDir(), sales: readSales(t, 700), over: make(chan struct{})}
	d.changed.L = &d.mu
	file(t, d.dir, "bursar.yaml", "")
	file(t, d.dir, "streams/sales.yaml", daySales)
	file(t, d.dir, "pipelines/invoices.yaml", dayInvoices)
	if err := os.MkdirAll(filepath.Join(d.dir, "inbox", "sales"), 0o755); err != nil {
		t.Fatal(err)
	}
	var feeders sync.WaitGroup
	feeders.Go(func() { d.post(rand.New(rand.NewPCG(seed, 2))) })
	feeders.Go(func() { d.post(rand.New(rand.NewPCG(seed, 3))) })
	feeders.Go(func() { d.drop(rand.New(rand.NewPCG(seed, 4))) })
	d.disturb(random, processes)
	close(d.over)
	last := d.up()
	feeders.Wait()
	d.awaitInbox()
	d.prove(last, processes)
}

// disturb lets processes live for a random while.
func (d *day) disturb(random *rand.Rand, processes int) {
	for n := range processes {
		u := d.up()
		<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond) // a life, not a wait for something
		d.mu.Lock()
		d.serving = nil
		d.mu.Unlock()
		if n%8 == 7 {
			u.stop(syscall.SIGTERM, 0)
			continue
		}
		u.stop(syscall.SIGKILL, -1)
	}
}

func (d *day) up() *running {
	u := bringUp(d.t, d.dir)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serving = u
	d.changed.Broadcast()
	return u
}

// server waits for a process that serves.
func (d *day) server() *running {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.serving == nil {
		d.changed.Wait()
	}
	return d.serving
}

// post sends half of the chunks through HTTP in random order, each until it is acknowledged; and then duplicates of
// any until the day is over.
func (d *day) post(random *rand.Rand) {
	for n, i := range random.Perm(len(d.sales.chunks)) {
		if i%3 != 0 {
			d.send(i)
		}
		if n%7 == 0 {
			d.send(random.IntN(len(d.sales.chunks)))
		}
	}
	for {
		select {
		case <-d.over:
			return
		default:
			d.send(random.IntN(len(d.sales.chunks)))
		}
	}
}

// send posts a chunk until it is acknowledged.
func (d *day) send(chunk int) {
	for d.t.Context().Err() == nil {
		u := d.server()
		code, body, err := d.try(u, chunk)
		var answer struct {
			Rows, Accepted, Duplicates int64
			Repeated                   bool
		}
		if err == nil && code == http.StatusOK {
			err = json.Unmarshal([]byte(body), &answer)
		}
		if err == nil && code == http.StatusOK {
			if !answer.Repeated {
				d.acknowledged.Add(answer.Accepted)
				d.again.Add(answer.Duplicates)
			}
			if answer.Accepted+answer.Duplicates != answer.Rows {
				d.t.Errorf("chunk %d is answered %s", chunk, body)
			}
			return
		}
		if err == nil && code != http.StatusTooManyRequests && code != http.StatusServiceUnavailable {
			d.t.Errorf("chunk %d is answered %d %s", chunk, code, body)
			return
		}
	}
}

func (d *day) try(u *running, chunk int) (code int, body string, err error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.base+"/v1/streams/sales/events", bytes.NewReader(d.sales.chunks[chunk]))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+u.token)
	if chunk%2 == 0 {
		r.Header.Set("Idempotency-Key", fmt.Sprint("chunk-", chunk))
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// drop puts the other chunks, and some that are posted as well, into the inbox: moved there whole, or growing in place.
func (d *day) drop(random *rand.Rand) {
	for _, i := range random.Perm(len(d.sales.chunks)) {
		if i%3 != 0 && random.IntN(4) > 0 {
			continue
		}
		path := filepath.Join(d.dir, "inbox", "sales", fmt.Sprintf("chunk-%04d.jsonl", i))
		if err := d.put(path, d.sales.chunks[i], random.IntN(3) == 0); err != nil {
			d.t.Error(err)
			return
		}
	}
}

func (d *day) put(path string, chunk []byte, grow bool) error {
	if !grow {
		hidden := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
		return errors.Join(os.WriteFile(hidden, chunk, 0o600), os.Rename(hidden, path))
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for len(chunk) > 0 && err == nil { // in pieces that end anywhere
		n := min(len(chunk), 9973)
		_, err = f.Write(chunk[:n])
		chunk = chunk[n:]
		d.server() // a file may be half there when the process dies
	}
	return errors.Join(err, f.Close())
}

// awaitInbox waits until all files are taken.
func (d *day) awaitInbox() {
	d.t.Helper()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for range look.C {
		left, err := filepath.Glob(filepath.Join(d.dir, "inbox", "sales", "*.jsonl"))
		if err != nil || len(left) == 0 || d.t.Context().Err() != nil {
			return
		}
	}
}

// prove compares what the project has come to with the plain sums.
func (d *day) prove(u *running, processes int) {
	d.t.Helper()
	out := filepath.Join(d.t.TempDir(), "invoices.jsonl")
	u.stop(syscall.SIGTERM, 0) // which seals what is acknowledged
	must(d.t, 0, "run", "--project", d.dir)
	must(d.t, 0, "export", "invoices", "--to", out, "--project", d.dir)
	got, err := os.ReadFile(out)
	if err != nil {
		d.t.Fatal(err)
	}
	if string(got) != d.sales.export {
		d.t.Errorf("the export is not that of %d sales: %s", d.sales.rows, firstDifference(string(got), d.sales.export))
	}
	if failed, _ := filepath.Glob(filepath.Join(d.dir, "inbox", "sales", "failed", "*")); len(failed) > 0 {
		d.t.Errorf("files failed: %v", failed)
	}
	must(d.t, 0, "verify", "invoices", "--project", d.dir)
	d.t.Logf("%d sales; HTTP acknowledged %d new and %d known; %d processes", d.sales.rows, d.acknowledged.Load(), d.again.Load(), processes)
}

// firstDifference is the first line in which two texts differ.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is %s, want %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a), len(b))
}
