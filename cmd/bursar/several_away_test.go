//go:build linux && !race

// Servers that are away while a process serves: what its clients, its health and its log say.

package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/temporal/temporaltest"
)

// health returns the status and the body of the health, which needs no token.
func (m *serving) health() string {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.base()+"/v1/health", http.NoBody)
	if err != nil {
		m.t.Fatal(err)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return fmt.Sprint(got.StatusCode, " ", strings.TrimSpace(string(body)))
}

// TestServersAway takes each server of a project away in turn, and brings it back.
func TestServersAway(t *testing.T) {
	t.Parallel()
	store, cluster := s3test.Versitygw(t), temporaltest.Start(t, temporaltest.Options{})
	database, location := postgrestest.NewProxy(t, postgrestest.URL(t))
	bucket := store.NewProxy(t, 1)
	dir := severalProject(t, location, bucket.Endpoint, store, cluster)
	up := newServing(t, "up", dir, t.ArtifactDir(), "up", "-v")
	mustStart(t, up)
	l := newLedger()
	until(t, "events are acknowledged", slack, func() bool { return l.send(t.Context(), t, up, 2, "") })
	ready := func() bool { return up.health() == `200 {"ready":true}` }
	if !ready() {
		t.Errorf("the health is %s", up.health())
	}
	for _, away := range []struct {
		name  string
		set   func(away bool)
		names []string // that clients must not see
	}{
		{"catalog", database.Refuse, []string{"127.0.0.1", "postgres"}},
		{"objects", func(away bool) { bucket.Set(s3test.Faults{Share: map[bool]float64{true: 1}[away]}) }, []string{"127.0.0.1", "books"}},
	} {
		away.set(true)
		until(t, away.name+" is not ready", slack, func() bool { return up.health() == `503 {"ready":false,"reason":"`+away.name+`"}` })
		began := time.Now()
		event, _ := l.events(away.name, 1) // stored or not: its end is unknown to the client
		code, _, body := up.postEvents(t.Context(), event, "")
		t.Logf("%s away: %d after %s: %s", away.name, code, time.Since(began), body)
		if code != http.StatusServiceUnavailable && code != http.StatusTooManyRequests {
			t.Errorf("%s away: %d %s", away.name, code, body)
		}
		for _, name := range away.names {
			if strings.Contains(body, name) {
				t.Errorf("%s away: the response names %s: %s", away.name, name, body)
			}
		}
		if !strings.Contains(up.logged(), "no events can be accepted: a backend cannot be used\" backend="+away.name) {
			t.Errorf("%s away: it logs %s", away.name, up.tail())
		}
		away.set(false)
		until(t, away.name+" is ready", slack, ready)
		until(t, "events are acknowledged", slack, func() bool { return l.send(t.Context(), t, up, 2, "") })
	}
	cluster.Kill(t)
	const warned, back = "temporal does not answer; waiting for it", "temporal answers again"
	until(t, "Temporal is missed", slack, func() bool { return strings.Contains(up.logged(), warned) })
	backlog := func() float64 {
		n, _ := item(t, value(t, must(t, 0, "status", "--project", dir, "--json")), "pipelines", 0)["backlog"].(float64)
		return n
	}
	for range 3 {
		before := backlog()
		// A busy machine may answer that it is busy: a client then sends again.
		until(t, "events are acknowledged without Temporal", slack, func() bool { return l.send(t.Context(), t, up, 2, "") && ready() })
		until(t, "the batch is sealed, and its pipeline is notified", slack, func() bool { return backlog() > before })
	}
	cluster.Restart(t)
	until(t, "Temporal is back", slack, func() bool { return strings.Contains(up.logged(), back) })
	log := up.logged()
	_, log, _ = strings.Cut(log, warned)
	if strings.Count(log, "cannot notify") > 1 || strings.Contains(log, warned) || !strings.Contains(log, "address="+cluster.Address) {
		t.Errorf("it logs %s", log)
	}
	stopAll(t, up)
	must(t, 0, "run", "--project", dir)
	l.check(t, dir)
}
