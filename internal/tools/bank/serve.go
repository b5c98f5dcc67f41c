// The TLS server: what happens to a request before and after a protocol answers it.

package bank

import (
	"crypto/tls"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRequest bounds the body of a request.
const maxRequest = 1 << 20

// listen starts the server if it is not running, on the address that it had before.
func (b *Bank) listen() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil {
		return nil
	}
	select {
	case <-b.closed:
		return nil
	default:
	}
	listener, err := net.Listen("tcp", b.address)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: b, ReadHeaderTimeout: time.Minute, IdleTimeout: 5 * time.Minute, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{b.certificates.server}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
	}
	b.address, b.server, b.listener = listener.Addr().String(), server, listener
	b.work.Go(func() { _ = server.ServeTLS(listener, "", "") }) // it ends with stop
	return nil
}

// stop breaks all connections and stops listening.
func (b *Bank) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server == nil {
		return
	}
	_ = b.server.Close()   // what it cannot close is closed already
	_ = b.listener.Close() // the server may not have known of it yet
	b.server = nil
}

// response is what a protocol answers.
type response struct {
	status      int
	contentType string
	body        []byte
	retryAfter  time.Duration
	broken      string // a fault that replaces the answer: reset or hang
}

// call is a request of a protocol.
type call struct {
	*http.Request
	body []byte
	path string // below the protocol's
	plan plan
}

// ServeHTTP answers a request of any protocol. It is for the server alone.
func (b *Bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c := &call{Request: r, path: path, plan: b.faults.plan(b.options.Seed, b.requests.Add(1))}
	refused := b.counts.arrive(Protocol(name), now)
	refused = max(refused, b.throttled(now))
	if c.plan.throttle && refused == 0 {
		b.counts.fault("throttle")
		refused = b.faults.ThrottleFor
	}
	answer := b.answer(c, Protocol(name), refused)
	b.counts.leave()
	b.write(w, c, answer)
}

func (b *Bank) answer(c *call, p Protocol, refused time.Duration) response {
	if broken, is := b.breakdown(c); is {
		return broken
	}
	if refused > 0 {
		b.counts.askToWait(time.Now(), refused)
		return throttledResponse(p, refused)
	}
	body, err := io.ReadAll(io.LimitReader(c.Body, maxRequest))
	if err != nil {
		return plain(http.StatusBadRequest, "the request ends too early")
	}
	c.body = body
	if c.plan.latency > 0 && !b.wait(c.plan.latency) {
		return response{broken: "reset"}
	}
	switch p {
	case OFX:
		return b.answerOFX(c)
	case SimpleFIN:
		return b.answerSimpleFIN(c)
	case Cursor:
		return b.answerCursor(c)
	}
	return plain(http.StatusNotFound, "there is no such protocol")
}

// breakdown returns the answer of an outage or of a fault that is none of a protocol.
func (b *Bank) breakdown(c *call) (response, bool) {
	outage := b.currentOutage()
	switch p := c.plan; {
	case outage == Unavailable:
		return plain(http.StatusServiceUnavailable, "down for maintenance"), true
	case outage == Reset || outage == Refused:
		return response{broken: "reset"}, true
	case outage == Hang:
		return response{broken: "hang"}, true
	case p.unavailable:
		b.counts.fault("unavailable")
		return plain(http.StatusServiceUnavailable, "try again later"), true
	case p.reset:
		b.counts.fault("reset")
		return response{broken: "reset"}, true
	case p.hang:
		b.counts.fault("hang")
		return response{broken: "hang"}, true
	}
	return response{}, false
}

func plain(status int, text string) response {
	return response{status: status, contentType: "text/plain; charset=utf-8", body: []byte(text + "\n")}
}

func throttledResponse(p Protocol, wait time.Duration) response {
	r := plain(http.StatusTooManyRequests, "too many requests")
	if p == Cursor {
		r = cursorError(http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED", "TRANSACTIONS_LIMIT", "rate limit exceeded for attempts to access this item. please try again later")
	}
	r.retryAfter = wait
	return r
}

func (b *Bank) write(w http.ResponseWriter, c *call, r response) {
	switch r.broken {
	case "hang":
		b.hang(c)
		reset(w)
		return
	case "reset":
		reset(w)
		return
	}
	header := w.Header()
	header.Set("Content-Type", r.contentType)
	if r.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(r.retryAfter.Seconds()))))
	}
	header.Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	if c.plan.truncate && len(r.body) > 0 {
		b.counts.fault("truncate")
		r.body = r.body[:int(c.plan.cutAt*float64(len(r.body)))] // the server closes the connection, as the length was another
	}
	_, _ = w.Write(r.body) // the client may be gone
}

// hang waits until the client has had enough.
func (b *Bank) hang(c *call) {
	_, _ = io.Copy(io.Discard, io.LimitReader(c.Body, maxRequest)) // only then it is noticed that the client hangs up
	timer := time.NewTimer(b.faults.HangFor)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.Context().Done():
	case <-b.closed:
	}
}

// reset breaks the connection without the closing that TLS and TCP have.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return // it is broken already
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
