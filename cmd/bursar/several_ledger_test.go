//go:build linux && !race

// What clients of several processes have sent, what was acknowledged, and the check of the artifacts against it.

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// sentLedger knows the amount of each event that was sent, and whether it was acknowledged. Each event has an order of its own.
type sentLedger struct {
	mu           sync.Mutex
	amounts      map[string]string
	acknowledged map[string]bool
	requests     map[int]int // by status; 0: no answer
}

func newLedger() *sentLedger {
	return &sentLedger{amounts: map[string]string{}, acknowledged: map[string]bool{}, requests: map[int]int{}}
}

// events returns n new events as lines, and their ids.
func (l *sentLedger) events(prefix string, n int) (text string, ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for range n {
		number := len(l.amounts)
		id, amount := fmt.Sprintf("%s-%d", prefix, number), fmt.Sprintf("%d.%02d", 1+number%89, number%100)
		l.amounts[id] = amount
		b.WriteString(line(`"`+id+`"`, `"`+amount+`"`, today, `"`+id+`"`))
		ids = append(ids, id)
	}
	return b.String(), ids
}

func (l *sentLedger) acknowledge(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.acknowledged[id] = true
	}
}

func (l *sentLedger) answered(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests[status]++
}

func (l *sentLedger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d events sent, %d acknowledged; requests by status: %v", len(l.amounts), len(l.acknowledged), l.requests)
}

// postAnswer is the answer to a request with events.
type postAnswer struct {
	Accepted    int  `json:"accepted"`
	Duplicates  int  `json:"duplicates"`
	Quarantined int  `json:"quarantined"`
	Repeated    bool `json:"repeated"`
}

// postTimeout bounds a request to a process that may be suspended.
const postTimeout = 30 * time.Second

// postEvents sends events to a process. status is 0 if there was no answer.
func (m *serving) postEvents(ctx context.Context, body, key string) (status int, answer postAnswer, text string) {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.base()+"/v1/streams/payments/events", strings.NewReader(body))
	if err != nil {
		return 0, answer, err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+m.bearer())
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, answer, err.Error()
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err == nil && got.StatusCode == http.StatusOK {
		err = json.Unmarshal(content, &answer)
	}
	if err != nil {
		return 0, answer, err.Error()
	}
	return got.StatusCode, answer, string(content)
}

// send sends new events to a process once, and reports whether they were acknowledged.
func (l *sentLedger) send(ctx context.Context, t *testing.T, m *serving, n int, key string) bool {
	t.Helper()
	body, ids := l.events("post", n)
	return l.sendBody(ctx, t, m, body, ids, key)
}

func (l *sentLedger) sendBody(ctx context.Context, t *testing.T, m *serving, body string, ids []string, key string) bool {
	t.Helper()
	status, answer, text := m.postEvents(ctx, body, key)
	l.answered(status)
	if status == 0 || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		if status != 0 {
			t.Logf("%s answers with %d: %s", m.name, status, text)
		}
		return false
	}
	if status != http.StatusOK || answer.Accepted+answer.Duplicates != len(ids) || answer.Quarantined != 0 || key != "" && answer.Accepted != len(ids) {
		t.Errorf("%s answers %d events under the key %q with %d: %s", m.name, len(ids), key, status, text)
	}
	if status == http.StatusOK {
		l.acknowledge(ids)
	}
	return status == http.StatusOK
}

// exportedOrder is a line of an export of orders.
type exportedOrder struct {
	Key      []string `json:"key"`
	Artifact struct {
		Paid  string `json:"paid"`
		Lines []any  `json:"lines"`
	} `json:"artifact"`
}

// check compares the artifacts with what was sent, and those of a project without any servers that ingests the same events.
func (l *sentLedger) check(t *testing.T, dir string, statements ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "orders.jsonl")
	digest := value(t, must(t, 0, "export", "orders", "--to", path, "--project", dir, "--json"))["digest"]
	counted := l.checkExport(t, path)
	embedded := shop(t)
	must(t, 0, "ingest", "payments", filepath.Join(embedded, "sample", "payments.jsonl"), "--project", embedded)
	var text strings.Builder
	for _, id := range counted {
		text.WriteString(line(`"`+id+`"`, `"`+l.amounts[id]+`"`, today, `"`+id+`"`))
	}
	must(t, 0, "ingest", "payments", file(t, embedded, "all.jsonl", text.String()), "--project", embedded)
	for _, statement := range statements {
		must(t, 0, "import", statement, "--project", embedded)
	}
	must(t, 0, "run", "--project", embedded)
	want := value(t, must(t, 0, "export", "orders", "--to", filepath.Join(t.TempDir(), "orders.jsonl"), "--project", embedded, "--json"))["digest"]
	if digest != want {
		t.Errorf("the digest of the artifacts is %v, on an embedded project %v", digest, want)
	}
	if len(statements) > 0 {
		completeness := []string{"completeness", "--until", "2025-01-31", "--columns", "account,from,to,state,opening,closing", "--format", "csv", "--project"}
		if got, want := must(t, 0, append(completeness, dir)...).out, must(t, 0, append(completeness, embedded)...).out; got != want {
			t.Errorf("completeness is\n%son an embedded project\n%s", got, want)
		}
	}
	t.Log(l)
}

// checkExport checks each order of an export, and returns the ids of those that were sent.
func (l *sentLedger) checkExport(t *testing.T, path string) (counted []string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	missing := maps.Clone(l.acknowledged)
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		var e exportedOrder
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		id := e.Key[0]
		amount, known := l.amounts[id]
		if !known {
			if !strings.HasPrefix(id, "o-") { // of the sample
				t.Errorf("order %s was never sent", id)
			}
			continue
		}
		if e.Artifact.Paid != amount || len(e.Artifact.Lines) != 1 {
			t.Errorf("order %s of %s is %s", id, amount, lines.Text())
		}
		delete(missing, id)
		counted = append(counted, id)
	}
	if len(missing) > 0 {
		list := slices.Sorted(maps.Keys(missing))
		t.Errorf("%d acknowledged events are lost: %v", len(missing), list[:min(20, len(list))])
	}
	return counted
}

// errGiveUp ends a wait.
var errGiveUp = errors.New("it does not happen")

// until tries something until it succeeds, and returns how long it took.
func until(t *testing.T, what string, limit time.Duration, try func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for tick := time.NewTicker(100 * time.Millisecond); !try(); <-tick.C {
		if time.Since(began) > limit {
			t.Fatalf("%s: %v within %s", what, errGiveUp, limit)
		}
	}
	return time.Since(began)
}
