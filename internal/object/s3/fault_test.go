// Tests with a network that fails at every request in turn.

package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/object/objecttest"
	"bursar/internal/object/s3/s3test"
)

// mode is how a request fails.
type mode string

const (
	refused     mode = "refused"      // it is not sent
	unanswered  mode = "unanswered"   // it has its effect, and the answer is lost
	cutRequest  mode = "cut request"  // half of its body is sent
	cutAnswer   mode = "cut answer"   // half of the answer's body is received
	unavailable mode = "unavailable"  // 503 with Retry-After
	broken      mode = "server error" // 500
)

var modes = []mode{refused, unanswered, cutRequest, cutAnswer, unavailable, broken}

// network counts requests from 1 and fails those from first to last.
type network struct {
	inner client
	mode  mode
	only  string // the method that fails; empty for all

	mu          sync.Mutex
	requests    int
	first, last int
	failed      string // the first failed request
	lostUploads int    // whose beginning was not answered, so that nobody knows their ids
}

// faulty returns the tuning of a store with such a network.
func faulty(n *network) tuning {
	t := fast
	t.partSize = 5 << 20 // the smallest that servers accept
	t.wrap = func(inner client) client {
		n.inner = inner
		return n
	}
	return t
}

func (n *network) fails(r *http.Request) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.only != "" && n.only != r.Method {
		return false
	}
	n.requests++
	if n.requests < n.first || n.requests > n.last {
		return false
	}
	if (n.mode == unanswered || n.mode == cutAnswer) && r.URL.Query().Has("uploads") {
		n.lostUploads++
	}
	if n.failed == "" {
		n.failed = r.Method + " " + r.URL.RequestURI()
	}
	return true
}

// heal ends the failures.
func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = 0
}

func (n *network) Do(r *http.Request) (*http.Response, error) {
	if !n.fails(r) {
		return n.inner.Do(r)
	}
	switch n.mode {
	case unavailable:
		return synthetic(r, http.StatusServiceUnavailable), nil
	case broken:
		return synthetic(r, http.StatusInternalServerError), nil
	case cutRequest:
		if r.Body != nil && r.ContentLength > 0 {
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), failingReader{}))
			return n.inner.Do(r)
		}
	case cutAnswer, unanswered:
		got, err := n.inner.Do(r)
		if err != nil {
			return nil, err
		}
		if n.mode == cutAnswer && got.ContentLength > 1 {
			got.Body = &cutBody{io.LimitReader(got.Body, got.ContentLength/2), got.Body}
			return got, nil
		}
		_, _ = io.Copy(io.Discard, got.Body)
		_ = got.Body.Close()
	}
	return nil, fmt.Errorf("request %s: %w", r.Method, syscall.ECONNRESET)
}

func synthetic(r *http.Request, status int) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Retry-After": {"0"}}, Body: http.NoBody,
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, syscall.EPIPE }

// cutBody ends half way, as if the connection broke.
type cutBody struct {
	io.Reader
	io.Closer
}

func (c *cutBody) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// TestEveryRequestFails fails each request of the script in turn, once and from there on, in every way. What fails once is
// retried and succeeds. What fails for good has a class that the caller may retry. Every object is absent or complete, and no
// upload is left.
func TestEveryRequestFails(t *testing.T) {
	t.Parallel()
	server, config := backend(t, s3test.Versitygw)
	total := &network{}
	play(t, config, total, "undisturbed")
	if total.requests < 19 {
		t.Fatalf("the script makes %d requests", total.requests)
	}
	stride := 1
	if testing.Short() {
		stride = 5
	}
	var done sync.WaitGroup
	work := make(chan func())
	var networks []*network
	for range 4 {
		done.Go(func() {
			for do := range work {
				do()
			}
		})
	}
	for i, mode := range modes {
		for first := 1; first <= total.requests; first += stride {
			for _, last := range []int{first, forGood} {
				if last == forGood && first%4 != i%4 {
					continue // every request fails for good in some of the modes
				}
				n := &network{mode: mode, first: first, last: last}
				networks = append(networks, n)
				work <- func() {
					play(t, config, n, fmt.Sprintf("%s-%d-%d", strings.ReplaceAll(string(mode), " ", "-"), first, last))
				}
			}
		}
	}
	close(work)
	done.Wait()
	checkUploads(t, server, mustOpen(t, config, fast), networks)
}

const forGood = 1 << 30

// TestPutWithoutAnswer loses the answers to all PUT requests, as of a server that refuses a large object before it has read it.
func TestPutWithoutAnswer(t *testing.T) {
	t.Parallel()
	_, config := backend(t, s3test.Versitygw)
	sound := mustOpen(t, config, fast)
	for _, mode := range []mode{cutRequest, unanswered} {
		n := &network{mode: mode, only: http.MethodPut, first: 1, last: forGood}
		s, err := newStore(t.Context(), config, faulty(n))
		if err != nil {
			t.Fatal(err)
		}
		if err := put(s, s.Create, 1000); err == nil || failure.Of(err) != failure.Transient {
			t.Errorf("%s: replace an object: %v, want a transient error", mode, err)
		}
		if err := sound.Delete(t.Context(), "a/b"); err != nil {
			t.Fatal(err)
		}
		switch err := put(s, s.CreateNew, 1000); {
		case mode == cutRequest && (err == nil || failure.Of(err) != failure.Transient):
			t.Errorf("%s: make an object that does not arrive: %v, want a transient error", mode, err)
		case mode == unanswered && err != nil:
			t.Errorf("%s: make an object that arrives: %v", mode, err)
		}
		objecttest.Write(t, sound, "a/b", []byte("another's"))
		for _, size := range []int{1000, 5<<20 + 10} { // the second is a multipart upload, whose parts are PUT requests
			n.only = map[int]string{1000: http.MethodPut, 5<<20 + 10: http.MethodPost}[size]
			n.first = map[int]int{1000: 1, 5<<20 + 10: n.requests + 2}[size] // the upload begins
			if err := put(s, s.CreateNew, size); !errors.Is(err, fs.ErrExist) || object.IsUnavailable(err) {
				t.Errorf("%s: make an object of %d bytes that exists: %v, want fs.ErrExist", mode, size, err)
			}
		}
		if got := objecttest.Read(t, sound, "a/b"); string(got) != "another's" {
			t.Errorf("%s: the object has %d bytes of another writer", mode, len(got))
		}
	}
}

// lostThenEnded loses the answer to the first PUT request, and ends a context when the second is answered.
type lostThenEnded struct {
	inner client
	puts  int
	end   context.CancelFunc
}

func (c *lostThenEnded) Do(r *http.Request) (*http.Response, error) {
	response, err := c.inner.Do(r)
	if r.Method != http.MethodPut || err != nil {
		return response, err
	}
	if c.puts++; c.puts == 1 {
		_ = response.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	c.end()
	return response, nil
}

// TestOwnObjectWhenTheContextEnds checks that a writer that ends before it knows whose the object is does not say that it is another's.
func TestOwnObjectWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	_, config := backend(t, s3test.Versitygw)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	losing := &lostThenEnded{end: cancel}
	tune := fast
	tune.wrap = func(inner client) client { losing.inner = inner; return losing }
	s, err := newStore(t.Context(), config, tune)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.CreateNew(ctx, "a/b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("mine")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil || errors.Is(err, fs.ErrExist) || losing.puts != 2 {
		t.Errorf("after %d requests: %v", losing.puts, err)
	}
}

// checkUploads checks that no uploads are left but those whose ids nobody knows, and that Clean removes these.
func checkUploads(t *testing.T, server *s3test.Server, s *Store, networks []*network) {
	t.Helper()
	lost := 0
	for _, n := range networks {
		lost += n.lostUploads
	}
	if left := server.Uploads(t, "bucket"); len(left) != lost {
		t.Errorf("uploads of %q are left, want %d", left, lost)
	}
	if n, err := s.Clean(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("cleaned %d uploads of an hour ago, %v", n, err)
	}
	if n, err := s.Clean(t.Context(), time.Now().Add(time.Hour)); err != nil || n != lost {
		t.Errorf("cleaned %d uploads, want %d, %v", n, lost, err)
	}
	wantNoUploads(t, server)
}

// play runs the script on a faulty network and checks what is stored afterwards.
func play(t *testing.T, config Config, n *network, prefix string) {
	t.Helper()
	config.Prefix += "/" + prefix
	sound := mustOpen(t, config, fast)
	prepare := &script{Store: sound}
	for name, size := range map[string]int{"old": 300_000, "list/1": 10, "list/2": 10, "deleted": 10} {
		if err := prepare.write(sound.Create, name, size); err != nil {
			t.Errorf("prepare: %v", err)
			return
		}
	}
	s, err := newStore(context.Background(), config, faulty(n))
	if err != nil {
		t.Error(err)
		return
	}
	process := &script{Store: s}
	failures := make([]error, len(steps))
	for i, step := range steps {
		failures[i] = step.do(process)
	}
	n.heal()
	for _, w := range process.writers { // the abort of a caller whose first one failed, too
		if err := w.Abort(); err != nil {
			t.Errorf("%s: abort again: %v", prefix, err)
		}
	}
	for i, step := range steps {
		checkStep(t, n, sound, prefix, step.object, step.size, failures[i])
	}
}

// checkStep checks how a step failed, and that its object is absent or complete.
func checkStep(t *testing.T, n *network, sound *Store, what, name string, size int, err error) {
	t.Helper()
	if err != nil && n.first == n.last {
		t.Errorf("%s: %s failed once, and so %s: %v", what, n.failed, name, err)
	}
	if err != nil && !failure.Of(err).Retryable() {
		t.Errorf("%s: %s failed: %v (%s)", what, n.failed, err, failure.Of(err))
	}
	if name == "" {
		return
	}
	in, openErr := sound.Open(context.Background(), name)
	if err != nil && errors.Is(openErr, fs.ErrNotExist) {
		return
	}
	if openErr != nil {
		t.Errorf("%s: %s failed: open %s, which was written (%v): %v", what, n.failed, name, err, openErr)
		return
	}
	defer in.Close()
	got, readErr := io.ReadAll(io.NewSectionReader(in, 0, in.Size()))
	if readErr != nil || !bytes.Equal(got, pattern(name, size)) {
		t.Errorf("%s: %s failed: object %s has %d bytes, %v", what, n.failed, name, len(got), readErr)
	}
}
