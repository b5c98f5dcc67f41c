//go:build linux && !race

// The feed of a stream that several processes share.

package main

import (
	"io"
	"net/http"
	"slices"
	"testing"
)

// TestFeedOnServers waits for events at one process that another one seals.
func TestFeedOnServers(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	newServers(t).share(t, dir)
	must(t, 0, "ingest", "payments", file(t, dir, "first.jsonl", paid("a", "1.00", "o-1")), "--project", dir)
	api := newServing(t, "api", dir, t.ArtifactDir(), "worker", "--roles", "api", "--listen", "127.0.0.1:0")
	mustStart(t, api)
	ask := func(query string) fed {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.base()+"/v1/streams/payments/events?"+query, http.NoBody)
		if err != nil {
			t.Error(err)
			return fed{}
		}
		r.Header.Set("Authorization", "Bearer "+api.bearer())
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return fed{}
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%d %s, %v", answer.StatusCode, body, err)
			return fed{}
		}
		return parseFed(t, string(body))
	}
	first := ask("")
	if !slices.Equal(first.ids(), []string{"a"}) {
		t.Fatalf("the feed has %+v", first)
	}
	waits := make(chan fed, 1)
	go func() { waits <- ask("wait=30&after=" + first.Next) }()
	must(t, 0, "ingest", "payments", file(t, dir, "second.jsonl", paid("b", "2.00", "o-2")+paid("c", "3.00", "o-2")), "--project", elsewhere(t, dir))
	if got := <-waits; !slices.Equal(got.ids(), []string{"b", "c"}) {
		t.Errorf("who waits gets %+v", got)
	}
}
