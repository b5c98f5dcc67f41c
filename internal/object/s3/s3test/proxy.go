// A proxy in front of a server that fails a share of the requests, and delays the others.

package s3test

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Faults are what a proxy does to requests. The zero value does nothing.
type Faults struct {
	Share float64       // of the requests that fail, from 0 to 1
	Delay time.Duration // of each other request, at most
}

// Proxy passes requests to a server. A request fails before the server gets it (status 500 or 503, or a cut connection), or its answer is lost
// after the server has done it.
type Proxy struct {
	Endpoint string // a URL

	mu     sync.Mutex
	random *rand.Rand
	faults Faults
	passed int
	failed int
}

// NewProxy starts a proxy that is stopped with the test. The seed decides which requests fail, in the order in which they arrive.
func (s *Server) NewProxy(tb testing.TB, seed uint64) *Proxy {
	tb.Helper()
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{random: rand.New(rand.NewPCG(seed, 1))}
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // which is signed
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(pass, w, r) }))
	server.Config.ErrorLog = pass.ErrorLog
	server.Start()
	p.Endpoint = server.URL
	tb.Cleanup(server.Close)
	return p
}

// Set changes what the proxy does from now on.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Counts returns how many requests were passed and answered, and how many failed.
func (p *Proxy) Counts() (passed, failed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed, p.failed
}

// fault is what happens to a request.
type fault int

const (
	none fault = iota
	internalError
	slowDown
	cutBefore
	loseAnswer
	faults
)

// draw decides what happens to the next request.
func (p *Proxy) draw() (fault, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.random.Float64() < p.faults.Share {
		p.failed++
		return 1 + fault(p.random.IntN(int(faults)-1)), 0
	}
	p.passed++
	return none, time.Duration(p.random.Float64() * float64(p.faults.Delay))
}

func (p *Proxy) serve(pass http.Handler, w http.ResponseWriter, r *http.Request) {
	what, delay := p.draw()
	switch what {
	case internalError:
		refuse(w, http.StatusInternalServerError, "InternalError")
	case slowDown:
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
	case cutBefore:
		panic(http.ErrAbortHandler)
	case loseAnswer:
		pass.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		wait(r, delay)
		pass.ServeHTTP(w, r)
	}
}

// wait waits, or until the client has gone.
func wait(r *http.Request, delay time.Duration) {
	if delay == 0 {
		return
	}
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>the proxy refuses this request</Message></Error>", code) // the client may have gone
}
