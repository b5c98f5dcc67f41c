// Tests of the requests between processes: answers and errors arrive as they were, and strangers are refused.

package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/failure"
)

// servePeers serves a process that accepts what accept accepts.
func servePeers(t *testing.T, seed byte, accept Accept) (address string) {
	t.Helper()
	config, err := PeerTLS(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Log: slog.New(slog.DiscardHandler), AcceptOwned: accept})
	served := make(chan error, 1)
	go func() { served <- s.ServePeers(l, config) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Stop(time.Second, time.Second), <-served); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func peerClient(t *testing.T, seed byte) *PeerClient {
	t.Helper()
	config, err := PeerTLS(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	c := NewPeerClient(config)
	t.Cleanup(c.Close)
	return c
}

func TestPeers(t *testing.T) {
	t.Parallel()
	var fail error
	address := servePeers(t, 1, func(_ context.Context, stream string, r live.Request) (answers.Answer, error) {
		return answers.Answer{Stream: stream, Rows: int64(len(r.Body)), Repeated: r.Key == "again", Rejected: []answers.RejectedRow{{Row: 2, Column: "amount", Reason: "no"}}}, fail
	})
	client := peerClient(t, 1)
	for _, key := range []string{"", "again"} {
		got, err := client.Accept(t.Context(), address, "payments", live.Request{Key: key, Body: []byte("{}\n{}\n")})
		if err != nil || got.Stream != "payments" || got.Rows != 6 || got.Repeated != (key != "") || len(got.Rejected) != 1 || got.Rejected[0].Column != "amount" {
			t.Errorf("key %q: %+v, %v", key, got, err)
		}
	}
	for _, c := range []struct {
		err   error
		class failure.Class
	}{
		{failure.Wrap(failure.Transient, errors.New("the disk is full")), failure.Transient},
		{failure.Throttle(7*time.Second, errors.New("too many requests")), failure.Throttled},
		{failure.Wrap(failure.Data, errors.New("the body is not JSON")), failure.Data},
		{answers.ErrKeyReused, failure.Data},
		{errPoolFull, failure.Throttled},
		{errTooSlow, failure.Transient},
	} {
		fail = c.err
		_, err := client.Accept(t.Context(), address, "payments", live.Request{Body: []byte("{}")})
		if failure.Of(err) != c.class || !strings.Contains(err.Error(), c.err.Error()) || failure.RetryAfter(err) != retryAfter(c.err) {
			t.Errorf("%v arrives as %v [%v], retry after %v", c.err, err, failure.Of(err), failure.RetryAfter(err))
		}
	}
	fail = answers.ErrKeyReused
	if _, err := client.Accept(t.Context(), address, "payments", live.Request{Key: "k", Body: []byte("{}")}); !errors.Is(err, answers.ErrKeyReused) {
		t.Errorf("a key that was reused: %v", err)
	}
}

// retryAfter is when a request may be sent again after an error, as the HTTP API says.
func retryAfter(err error) time.Duration {
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		return refused.retryAfter
	}
	return failure.RetryAfter(err)
}

// TestPeersRefuseStrangers has processes with another key, or with none, on either side.
func TestPeersRefuseStrangers(t *testing.T) {
	t.Parallel()
	accept := func(context.Context, string, live.Request) (answers.Answer, error) {
		t.Error("a stranger's request is accepted")
		return answers.Answer{}, nil
	}
	address := servePeers(t, 1, accept)
	if _, err := peerClient(t, 2).Accept(t.Context(), address, "payments", live.Request{Body: []byte("{}")}); err == nil || failure.Of(err) != failure.Transient {
		t.Errorf("a process with another key: %v", err)
	}
	anonymous := NewPeerClient(&tls.Config{InsecureSkipVerify: true})
	defer anonymous.Close()
	if _, err := anonymous.Accept(t.Context(), address, "payments", live.Request{Body: []byte("{}")}); err == nil {
		t.Error("a process without a key is served")
	}
}
