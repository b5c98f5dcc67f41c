// Tests of the health, and of what responses do not say about backends.

package serve

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/failure"
)

// serverError is an error of a backend, with a text for the log.
type serverError struct{ class failure.Class }

func (serverError) Error() string {
	return "connect to db.example:5432, database \"books\", user \"bursar\": refused"
}
func (e serverError) Class() failure.Class { return e.class }
func (serverError) IsOfServer() bool       { return true }

// TestHealth has a backend fail and work again, while many requests ask.
func TestHealth(t *testing.T) {
	t.Parallel()
	var probes atomic.Int64
	var failing atomic.Bool
	probe := func(context.Context) error {
		probes.Add(1)
		if failing.Load() {
			return serverError{failure.Transient}
		}
		return nil
	}
	var log strings.Builder
	s := New(Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Backends: []Backend{{"catalog", probe}, {"objects", func(context.Context) error { return nil }}}})
	s.ready.Store(true)
	ask := func(status int, body string) {
		t.Helper()
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/health", http.NoBody))
		if w.Code != status || w.Body.String() != body+"\n" {
			t.Errorf("%d %s, want %d %s", w.Code, w.Body, status, body)
		}
		readContract(t).check(t, "GET /v1/health", apiResponse{w.Code, w.Header()}, w.Body.Bytes())
	}
	later := func() { s.backends.probed = time.Time{} }
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { ask(http.StatusOK, `{"ready":true}`) })
	}
	group.Wait()
	if n := probes.Load(); n != 1 {
		t.Errorf("the catalog was probed %d times", n)
	}
	failing.Store(true)
	ask(http.StatusOK, `{"ready":true}`) // for a second
	for range 3 {
		later()
		ask(http.StatusServiceUnavailable, `{"ready":false,"reason":"catalog"}`)
	}
	failing.Store(false)
	later()
	ask(http.StatusOK, `{"ready":true}`)
	if got := log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "backend=catalog error=\"connect to db.example") ||
		strings.Count(got, "can be used again") != 1 {
		t.Errorf("it logs %s", got)
	}
	s.ready.Store(false)
	ask(http.StatusServiceUnavailable, `{"ready":false,"reason":"stopping"}`)
}

// TestProbeTimeout has a backend that does not answer: the question is answered in time, although the client of another one has gone.
func TestProbeTimeout(t *testing.T) {
	t.Parallel()
	s := New(Options{Log: slog.New(slog.DiscardHandler), Backends: []Backend{{"objects", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}}})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if got := s.backends.check(gone); got != "objects" || time.Since(began) < probeTimeout {
		t.Errorf("%q after %s", got, time.Since(began))
	}
}

// TestServerErrors has backends fail: clients may send the request again, and do not learn what the text names; the log has it, once a minute.
func TestServerErrors(t *testing.T) {
	t.Parallel()
	for class, status := range map[failure.Class]int{failure.Transient: 503, failure.Data: 503, failure.Throttled: 429} {
		var log strings.Builder
		err := failure.Wrap(failure.Transient, errors.Join(errors.New("no process accepts events"), serverError{class}))
		if class == failure.Throttled {
			err = serverError{class}
		}
		a := newAPI(t, &fakeProject{accept: func(context.Context, live.Request) (answers.Answer, error) { return answers.Answer{}, err }})
		a.server.options.Log = slog.New(slog.NewTextHandler(&log, nil))
		for range 2 {
			answer, body := a.do(apiCall{pattern: posting, path: payments, body: strings.NewReader("{}")})
			if answer.StatusCode != status || answer.Header.Get("Retry-After") != "1" || strings.Contains(body, "example") || !strings.Contains(body, "database or object store") {
				t.Errorf("%v: %d %s", class, answer.StatusCode, body)
			}
		}
		a.http.Close()
		if got := log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "db.example:5432") {
			t.Errorf("%v: it logs %s", class, got)
		}
	}
}

// TestDamagedObject has an object missing in a store: the request is not worth repeating, and the body does not name the store.
func TestDamagedObject(t *testing.T) {
	t.Parallel()
	err := errors.Join(serverError{failure.Data}, fs.ErrNotExist)
	a := newAPI(t, &fakeProject{accept: func(context.Context, live.Request) (answers.Answer, error) { return answers.Answer{}, err }})
	answer, body := a.do(apiCall{pattern: posting, path: payments, body: strings.NewReader("{}")})
	if answer.StatusCode != http.StatusInternalServerError || strings.Contains(body, "example") || !strings.Contains(body, "missing or damaged") {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
}
