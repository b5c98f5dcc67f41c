// An institution in front of which something goes wrong: a TLS server that changes the answers of a handler.

package connectortest

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"bursar/internal/aggregate/connector/web"
)

// Trouble is what goes wrong with all answers of an institution.
type Trouble int32

// The troubles.
const (
	None        Trouble = iota
	Throttled           // 429, to be asked again in RetryAfterSeconds
	Unavailable         // 500
	Torn                // the connection ends in the middle of the answer
	Cut                 // the answer itself ends in the middle
	Endless             // the answer does not end
	Garbage             // a page for people
	Echo                // 400 with everything that was sent
	Silent              // no answer
	Elsewhere           // a redirect to another host
)

// RetryAfterSeconds is what a throttled answer asks for.
const RetryAfterSeconds = 7

// Institution is the server.
type Institution struct {
	*httptest.Server
	trouble  atomic.Int32
	requests atomic.Int64
	asked    chan struct{} // receives once for each request that gets no answer
}

// NewInstitution starts a server, which ends with the test.
func NewInstitution(t testing.TB, handler http.Handler) *Institution {
	i := &Institution{asked: make(chan struct{}, 1)}
	i.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.requests.Add(1)
		i.answer(w, r, handler)
	}))
	i.Config.ErrorLog = quiet
	i.StartTLS()
	t.Cleanup(i.Close)
	return i
}

// Cause lets something go wrong from now on.
func (i *Institution) Cause(trouble Trouble) { i.trouble.Store(int32(trouble)) }

// Requests returns how many requests have arrived.
func (i *Institution) Requests() int64 { return i.requests.Load() }

// RootCA returns the certificate of the server as PEM.
func (i *Institution) RootCA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
}

// Client returns a client that trusts the server, until the test ends.
func (i *Institution) Client(t testing.TB) *http.Client {
	client, err := web.NewClient(web.Options{RootCA: i.RootCA()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func (i *Institution) answer(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	switch Trouble(i.trouble.Load()) {
	case None:
		handler.ServeHTTP(w, r)
	case Throttled:
		w.Header().Set("Retry-After", strconv.Itoa(RetryAfterSeconds))
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	case Unavailable:
		http.Error(w, "maintenance", http.StatusInternalServerError)
	case Torn:
		answerHalf(w, r, handler, true)
	case Cut:
		answerHalf(w, r, handler, false)
	case Endless:
		answerForever(w)
	case Garbage:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>We are improving our service for you.</body></html>")
	case Echo:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, r.URL.String()+" "+r.Header.Get("Authorization")+" ")
		_, _ = io.Copy(w, r.Body)
	case Silent:
		_, _ = io.Copy(io.Discard, r.Body) // until then the server does not notice that the client has gone
		select {
		case i.asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	case Elsewhere:
		http.Redirect(w, r, "https://example.invalid"+r.URL.Path, http.StatusTemporaryRedirect)
	}
}

// answerHalf answers with the first half of what the handler answers.
func answerHalf(w http.ResponseWriter, r *http.Request, handler http.Handler, torn bool) {
	whole := httptest.NewRecorder()
	handler.ServeHTTP(whole, r)
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	content := whole.Body.Bytes()
	half := content[:len(content)/2]
	w.Header().Set("Content-Length", strconv.Itoa(len(half)))
	if torn {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	}
	w.WriteHeader(whole.Code)
	_, _ = w.Write(half)
	if torn {
		panic(http.ErrAbortHandler)
	}
}

func answerForever(w http.ResponseWriter) {
	part := make([]byte, 1<<20)
	for n := range part {
		part[n] = ' '
	}
	for {
		if _, err := w.Write(part); err != nil {
			return
		}
	}
}
