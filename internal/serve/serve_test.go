// The API over real connections, with a fake project behind it.

package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/failure"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
	"bursar/internal/serve/access"
)

const secret = "0123456789abcdef"

// fakeProject implements what the API needs of a project.
type fakeProject struct {
	mu     sync.Mutex
	bodies []string
	accept func(ctx context.Context, r live.Request) (answers.Answer, error)
	run    func(ctx context.Context, c Command, out, err io.Writer) int
	await  func(ctx context.Context) error // for events; nil: there are some
}

func (s *fakeProject) Status(context.Context) ([]query.Status, error) {
	at := time.Date(2025, 1, 1, 0, 0, 0, 1000, time.UTC)
	return []query.Status{
		{Pipeline: "orders", Generation: 2, Runs: 3, Backlog: 1, BacklogEvents: 5, Watermark: &at, Artifacts: 7, Lanes: []query.InFlight{
			{Run: 4, Step: "merge", Batches: 1, Events: 5, Trouble: &runs.Trouble{Step: "merge", Class: "data", Message: "no", At: at}},
		}},
		{Pipeline: "new", Lanes: []query.InFlight{}},
	}, nil
}

func (s *fakeProject) Get(_ context.Context, pipeline, key string, asOf uint64, history bool) (query.GetResult, error) {
	switch {
	case pipeline != "orders" || key == "none":
		return query.GetResult{}, &reconcile.NotFoundError{What: "key " + key}
	case key == "bad":
		return query.GetResult{}, failure.Wrap(failure.Data, errors.New("key column n: bad"))
	case key == "bug":
		panic("a bug")
	}
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	a := query.GetResult{
		Key: json.RawMessage(`["<o>","USD"]`), Run: max(asOf, 1), Watermark: &at,
		Artifact: json.RawMessage(`{"paid":"1.00"}`),
	}
	if history {
		a.History = []query.Version{{Run: 2, Artifact: a.Artifact}, {Run: 1, Artifact: json.RawMessage(`{"paid":null}`)}}
	}
	return a, nil
}

func (s *fakeProject) Exceptions(_ context.Context, pipeline string, each func(query.Exception) error) error {
	switch pipeline {
	case "orders":
	case "new":
		return &query.UnpublishedError{Pipeline: pipeline, Next: "run it"}
	default:
		return &reconcile.NotFoundError{What: "pipeline " + pipeline}
	}
	at, days := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), 3
	for range 3 {
		x := query.Exception{Key: json.RawMessage(`1`), Artifact: json.RawMessage(`{}`), Since: &at, AgeDays: &days}
		if err := each(x); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeProject) Quarantine(_ context.Context, _ string, each func(event.Rejected) error) error {
	off := &event.Dismissal{Reason: "nothing", At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	return errors.Join(each(event.Rejected{Batch: 1, File: "f", Number: 3, Row: 1, Reason: "r", Bytes: []byte{0xff}}),
		each(event.Rejected{Batch: 1, File: "f", Number: 3, Row: 2, Reason: "r", Raw: "x", Dismissed: off}))
}

func (s *fakeProject) Accept(ctx context.Context, stream string, r live.Request) (answers.Answer, error) {
	if stream != "payments" {
		return answers.Answer{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	s.mu.Lock()
	s.bodies = append(s.bodies, string(r.Body))
	s.mu.Unlock()
	if s.accept != nil {
		return s.accept(ctx, r)
	}
	rows := int64(bytes.Count(r.Body, []byte("\n")))
	return answers.Answer{Stream: stream, Rows: rows, Accepted: rows, Rejected: []answers.RejectedRow{}}, nil
}

func (s *fakeProject) Run(ctx context.Context, c Command, out, err io.Writer) int {
	return s.run(ctx, c, out, err)
}

// Find accepts tokens whose text is a scope, and returns that scope.
func (s *fakeProject) Find(_ context.Context, token string) (access.Scope, bool, error) {
	if token == "broken" {
		return access.Scope{}, false, failure.Wrap(failure.Transient, errors.New("the catalog is away"))
	}
	scope, err := access.ParseScope(token)
	return scope, err == nil, nil
}

func (s *fakeProject) accepted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// api is a server on a fake project.
type api struct {
	t       *testing.T
	server  *Server
	http    *httptest.Server
	project *fakeProject
}

func newAPI(t *testing.T, s *fakeProject) *api {
	t.Helper()
	server := New(Options{
		Project: s, Commands: s.Run, Token: secret, FindToken: s.Find, Loopback: true, Log: slog.New(slog.DiscardHandler),
		Counters: []Counter{{"bursar_cache_hits_total", "Hits.", func() int64 { return 7 }}},
		Sums: []Sums{{Families: []Family{{"bursar_job_slots_total", "Slots.", []string{"job", "state"}}}, Read: func() []Sum {
			return []Sum{{"bursar_job_slots_total", []string{"calls", "done"}, 3}}
		}}},
	})
	server.ready.Store(true)
	httpServer := httptest.NewUnstartedServer(nil)
	httpServer.Config = server.http
	httpServer.Start()
	t.Cleanup(httpServer.Close)
	return &api{t, server, httpServer, s}
}

// apiCall is a request to send.
type apiCall struct {
	pattern string // of the route in the document
	path    string
	body    io.Reader
	header  map[string]string
	host    string
}

// apiResponse is the head of a response.
type apiResponse struct {
	StatusCode int
	Header     http.Header
}

func (a *api) do(c apiCall) (apiResponse, string) {
	a.t.Helper()
	method, _, _ := strings.Cut(c.pattern, " ")
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.http.URL+c.path, c.body)
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	r.Host = c.host
	answer, err := a.http.Client().Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	got := apiResponse{answer.StatusCode, answer.Header}
	readContract(a.t).check(a.t, c.pattern, got, body)
	return got, string(body)
}

const (
	artifacts = "GET /v1/pipelines/{pipeline}/artifacts"
	posting   = "POST /v1/streams/{stream}/events"
	feeding   = "GET /v1/streams/{stream}/events"
	payments  = "/v1/streams/payments/events"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	tests := []struct {
		apiCall
		status int
		want   string
	}{
		{apiCall{pattern: "GET /v1/health", path: "/v1/health", header: map[string]string{"Authorization": ""}}, 200, `{"ready":true}`},
		{apiCall{pattern: "GET /v1/openapi.yaml", path: "/v1/openapi.yaml", header: map[string]string{"Authorization": ""}}, 200, "openapi: 3.1.0"},
		{apiCall{pattern: "GET /v1/status", path: "/v1/status"}, 200, `"watermark":"2025-01-01T00:00:00.000001Z"`},
		{apiCall{pattern: "GET /v1/status", path: "/v1/status?x=1"}, 400, "parameter"},
		{apiCall{pattern: "GET /v1/status", path: "/v1/status", header: map[string]string{"Authorization": ""}}, 401, `"class":"request"`},
		{apiCall{pattern: "GET /v1/status", path: "/v1/status", header: map[string]string{"Authorization": "Basic " + secret}}, 401, ".bursar/token"},
		{apiCall{pattern: "GET /v1/status", path: "/v1/status", header: map[string]string{"Authorization": "bearer  " + secret}}, 200, "orders"},
		{apiCall{pattern: "GET /v1/status", path: "/v1/status", host: "evil.example"}, 403, "another host"},
		{apiCall{pattern: "GET /v1/status", path: "/v1/status", host: "localhost:1"}, 200, "orders"},
		{apiCall{pattern: "GET /v1/status", path: "/v1/status", host: "[::1]:80"}, 200, "orders"},
		{apiCall{pattern: artifacts, path: "/v1/pipelines/orders/artifacts?key=o"}, 200, `{"key":["<o>","USD"],"run":1,"watermark":"2025-01-01T00:00:00Z","artifact":{"paid":"1.00"}}`},
		{apiCall{pattern: artifacts, path: "/v1/pipelines/orders/artifacts?key=o&as_of=2&history=true"}, 200, `"history":[{"run":2,"artifact":{"paid":"1.00"}},{"run":1,"artifact":{"paid":null}}]}`},
		{apiCall{pattern: artifacts, path: "/v1/pipelines/orders/artifacts?key=none"}, 404, `"class":"data","message":"key none not found"`},
		{apiCall{pattern: artifacts, path: "/v1/pipelines/orders/artifacts?key=bad"}, 400, "key column n"},
		{apiCall{pattern: artifacts, path: "/v1/pipelines/orders/artifacts?key=bug"}, 500, `"class":"bug"`},
		{apiCall{pattern: artifacts, path: "/v1/pipelines/orders/artifacts"}, 400, "the key is missing"},
		{apiCall{pattern: artifacts, path: "/v1/pipelines/orders/artifacts?key=o&as_of=0"}, 400, "as_of"},
		{apiCall{pattern: artifacts, path: "/v1/pipelines/orders/artifacts?key=o&key=p"}, 400, "parameter"},
		{apiCall{pattern: artifacts, path: "/v1/pipelines/orders/artifacts?key=o&history=maybe"}, 400, "history"},
		{apiCall{pattern: "GET /v1/pipelines/{pipeline}/exceptions", path: "/v1/pipelines/orders/exceptions"}, 200, `"more":false`},
		{apiCall{pattern: "GET /v1/pipelines/{pipeline}/exceptions", path: "/v1/pipelines/orders/exceptions?limit=2"}, 200, `"more":true`},
		{apiCall{pattern: "GET /v1/pipelines/{pipeline}/exceptions", path: "/v1/pipelines/orders/exceptions?limit=0"}, 400, "limit"},
		{apiCall{pattern: "GET /v1/pipelines/{pipeline}/exceptions", path: "/v1/pipelines/no/exceptions"}, 404, "not found"},
		{apiCall{pattern: "GET /v1/pipelines/{pipeline}/exceptions", path: "/v1/pipelines/new/exceptions"}, 409, "nothing of new is published yet: run it"},
		{apiCall{pattern: "GET /v1/streams/{stream}/quarantine", path: "/v1/streams/payments/quarantine"}, 200, `{"more":false,"rows":[{"ref":"3:1","batch":1,"file":"f","row":1,"column":"","reason":"r","raw":"","bytes":"/w=="}]}`},
		{apiCall{pattern: "GET /v1/streams/{stream}/quarantine", path: "/v1/streams/payments/quarantine?dismissed=true"}, 200, `[{"ref":"3:2","batch":1,"file":"f","row":2,"column":"","reason":"r","raw":"x","dismissed":{"reason":"nothing","at":"2026-01-01T00:00:00Z"}}]`},
		{apiCall{pattern: "GET /v1/streams/{stream}/quarantine", path: "/v1/streams/payments/quarantine?dismissed=perhaps"}, 400, `not true or false`},
		{apiCall{pattern: feeding, path: payments + "?limit=2"}, 200, `{"events":[{"id":"<1>"},{"id":"<2>"}],"next":"` + fedTo(2) + `","more":true,"retractions":7}`},
		{apiCall{pattern: feeding, path: payments + "?after=" + fedTo(2)}, 200, `{"events":[{"id":"<3>"}],"next":"` + fedTo(3) + `","more":false,"retractions":7}`},
		{apiCall{pattern: feeding, path: payments + "?after=latest"}, 200, `{"events":[],"next":"` + fedTo(3) + `","more":false,"retractions":7}`},
		{apiCall{pattern: feeding, path: payments + "?after=x"}, 400, "not a cursor"},
		{apiCall{pattern: feeding, path: payments + "?wait=31"}, 400, "wait"},
		{apiCall{pattern: feeding, path: payments + "?limit=10001"}, 400, "limit"},
		{apiCall{pattern: feeding, path: "/v1/streams/gone/events"}, 410, "batch 1 is lost; use another cursor"},
		{apiCall{pattern: feeding, path: "/v1/streams/none/events"}, 404, "stream none not found"},
		{apiCall{pattern: "GET /metrics", path: "/metrics"}, 200, `bursar_feed_events_total{stream="payments"} 3`},
		{apiCall{pattern: "GET /metrics", path: "/metrics"}, 200, "bursar_requests_total"},
		{apiCall{pattern: "GET /metrics", path: "/metrics"}, 200, "bursar_cache_hits_total 7"},
		{apiCall{pattern: "GET /metrics", path: "/metrics"}, 200, `bursar_job_slots_total{job="calls",state="done"} 3`},
		{apiCall{pattern: posting, path: payments, body: strings.NewReader("{}\n{}\n")}, 200, `"rows":2,"accepted":2`},
		{apiCall{pattern: posting, path: "/v1/streams/none/events", body: strings.NewReader("{}\n")}, 404, "stream none not found"},
		{apiCall{pattern: posting, path: payments, body: strings.NewReader(" \n")}, 400, "no events"},
		{apiCall{pattern: posting, path: payments, body: strings.NewReader("{}"), header: map[string]string{"Idempotency-Key": "a b"}}, 400, "Idempotency-Key"},
		{apiCall{pattern: posting, path: payments, body: strings.NewReader("{}"), header: map[string]string{"Content-Encoding": "br"}}, 415, "gzip"},
		{apiCall{pattern: posting, path: payments, body: strings.NewReader("{}"), header: map[string]string{"Content-Encoding": "gzip"}}, 400, "decompressed"},
	}
	for _, tt := range tests {
		answer, body := a.do(tt.apiCall)
		if answer.StatusCode != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s, want %d with %s", tt.path, answer.StatusCode, body, tt.status, tt.want)
		}
	}
}

func TestNoRoute(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	for path, want := range map[string]int{"/": 404, "/v1/none": 404, "/v1/status/": 404, "/v1/commands": 404, payments: 405} {
		r, err := http.NewRequestWithContext(t.Context(), map[bool]string{true: http.MethodDelete, false: http.MethodGet}[want == 405], a.http.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := a.http.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != want || !strings.HasPrefix(string(body), `{"error":{"class":"request"`) {
			t.Errorf("%s: %d %s, want %d", path, answer.StatusCode, body, want)
		}
		if want == 405 && answer.Header.Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("%s allows %q", path, answer.Header.Get("Allow"))
		}
	}
}

// TestIntakeErrors checks the status and Retry-After of each class of error.
func TestIntakeErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    error
		status int
		after  string
	}{
		{live.ErrBusy, 429, "1"},
		{failure.Throttle(2500*time.Millisecond, errors.New("slow down")), 429, "3"},
		{fmt.Errorf("accept: %w", answers.ErrKeyReused), 422, ""},
		{live.ErrClosed, 503, "1"},
		{failure.Wrap(failure.Data, errors.New("no JSON lines")), 400, ""},
		{errors.New("a bug"), 500, ""},
	} {
		a := newAPI(t, &fakeProject{accept: func(context.Context, live.Request) (answers.Answer, error) { return answers.Answer{}, tt.err }})
		answer, body := a.do(apiCall{pattern: posting, path: payments, body: strings.NewReader("{}")})
		if answer.StatusCode != tt.status || answer.Header.Get("Retry-After") != tt.after {
			t.Errorf("%v: %d, Retry-After %q, want %d, %q: %s", tt.err, answer.StatusCode, answer.Header.Get("Retry-After"), tt.status, tt.after, body)
		}
	}
}

// TestScopes tries every kind of token on every route: 401 means that the token is unknown, 403 that its scope is too small.
func TestScopes(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	queries := []apiCall{
		{pattern: feeding, path: payments},
		{pattern: "GET /v1/status", path: "/v1/status"},
		{pattern: artifacts, path: "/v1/pipelines/orders/artifacts?key=o"},
		{pattern: "GET /v1/pipelines/{pipeline}/exceptions", path: "/v1/pipelines/orders/exceptions"},
		{pattern: "GET /v1/streams/{stream}/quarantine", path: "/v1/streams/payments/quarantine"},
		{pattern: "GET /metrics", path: "/metrics"},
	}
	for _, tt := range []struct {
		token                   string
		queryStatus, sendStatus int
	}{
		{"read", 200, 403},
		{"operate", 200, 200},
		{"events:payments", 403, 200},
		{"events:fees,payments", 403, 200},
		{"events:fees", 403, 403},
		{"events:", 401, 401},
		{"", 401, 401},
		{"broken", 503, 503},
	} {
		header := map[string]string{"Authorization": "Bearer " + tt.token}
		for _, c := range queries {
			c.header = header
			if answer, body := a.do(c); answer.StatusCode != tt.queryStatus {
				t.Errorf("token %q, %s: %d %s, want %d", tt.token, c.path, answer.StatusCode, body, tt.queryStatus)
			}
		}
		send := apiCall{pattern: posting, path: payments, body: strings.NewReader("{}\n"), header: header}
		if answer, body := a.do(send); answer.StatusCode != tt.sendStatus {
			t.Errorf("token %q sends: %d %s, want %d", tt.token, answer.StatusCode, body, tt.sendStatus)
		}
	}
	if got := len(a.project.accepted()); got != 3 {
		t.Errorf("%d requests were accepted, want 3", got)
	}
}
