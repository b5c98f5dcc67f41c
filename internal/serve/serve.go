// Package serve is the HTTP API of a running project, which accepts events and answers queries, and the Unix socket through
// which other processes forward their commands. It owns the wire: routes, limits, tokens, and the form of responses and
// errors. It guarantees that a request stays within limits of time and memory, and that the status of a failed one follows
// from the class of its error. It must not decide anything about events or artifacts: its callers pass in what it serves.
package serve

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"bursar/internal/event"
	"bursar/internal/event/feed"
	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/failure"
	"bursar/internal/reconcile/query"
	"bursar/internal/serve/access"
)

// Project is what the API serves. Its methods are safe for concurrent use.
type Project interface {
	Status(ctx context.Context) ([]query.Status, error)
	Get(ctx context.Context, pipeline, key string, asOf uint64, history bool) (query.GetResult, error)
	Exceptions(ctx context.Context, pipeline string, each func(query.Exception) error) error
	// Quarantine calls each for every row of a stream that is in quarantine.
	Quarantine(ctx context.Context, stream string, each func(event.Rejected) error) error
	// Accept accepts the events of a request. Once it returns they are durable and count exactly once, so that a client may
	// repeat a request after any error.
	Accept(ctx context.Context, stream string, r live.Request) (answers.Answer, error)
	// Feed returns the sealed events of a stream after a cursor. The text may also be empty, for all events, or feed.LatestText.
	Feed(ctx context.Context, stream, after string, limit feed.Limit) (feed.Page, error)
	// AwaitEvents waits until a batch is sealed after a cursor, or ctx ends. Many may wait.
	AwaitEvents(ctx context.Context, stream string, after feed.Cursor) error
}

// Accept accepts the events of a request, like Project.Accept.
type Accept func(ctx context.Context, stream string, r live.Request) (answers.Answer, error)

// Options configures a Server.
type Options struct {
	Project  Project
	Commands Commands
	Token    string // of the project folder's owner; allows everything
	Loopback bool   // the API listens on loopback only; requests for other hosts are refused
	Log      *slog.Logger
	Counters []Counter // of other parts of the process, for Prometheus
	Sums     []Sums    // of the project, for Prometheus
	Backends []Backend // without which no events can be accepted

	AcceptOwned Accept // accepts what other processes forward for streams that this one owns; nil if there are no others

	// FindToken finds the scope of a token; known is false if the token was never created, or was revoked.
	FindToken func(ctx context.Context, token string) (scope access.Scope, known bool, err error)
}

const (
	// headerTimeout bounds the time to send the headers of a request.
	headerTimeout = 10 * time.Second
	// idleTimeout is how long an idle connection is kept.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes bounds the headers of a request.
	maxHeaderBytes = 64 << 10
	// responseTimeout bounds the time to send a response.
	responseTimeout = time.Minute
	// maxHeavyQueries is how many queries that read all stored data run at a time.
	maxHeavyQueries = 2
)

// Server serves the API of one project.
type Server struct {
	options        Options
	http           *http.Server
	commandServer  *http.Server // of the socket
	peerServer     *http.Server // of other processes
	metrics        *metrics
	warnings       failure.Warnings
	backends       backendHealth
	commands       commands
	heavyQueries   *semaphore.Weighted
	bodyPool       bodyPool      // in memory
	bodyTimeout    time.Duration // tests have less patience
	ready          atomic.Bool
	requestPrefix  string        // of request ids
	lastRequest    atomic.Uint64 // of the last request
	cancelRequests context.CancelFunc

	feedWaiting *semaphore.Weighted
	serving     context.Context // ends when Stop begins, so that nobody waits for events any more
	endServing  context.CancelFunc
}

// New returns a server. It is ready once Serve is called.
func New(o Options) *Server {
	serverCtx, cancelRequests := context.WithCancel(context.Background())
	s := &Server{options: o, metrics: newMetrics(o.Counters, o.Sums), heavyQueries: semaphore.NewWeighted(maxHeavyQueries), cancelRequests: cancelRequests, bodyTimeout: bodyTimeout}
	s.feedWaiting = semaphore.NewWeighted(maxWaiting)
	s.serving, s.endServing = context.WithCancel(serverCtx)
	s.backends.backends, s.backends.log = o.Backends, o.Log
	s.requestPrefix = rand.Text()[:8] + "-"
	s.bodyPool.limit, s.bodyPool.reading = semaphore.NewWeighted(maxPoolBytes), map[*reservation]bool{}
	s.commands.limit = semaphore.NewWeighted(maxCommands)
	s.http, s.commandServer = s.newHTTPServer(serverCtx, s.Handler()), s.newHTTPServer(serverCtx, s.commandHandler())
	s.peerServer = s.newPeerServer(serverCtx)
	return s
}

func (s *Server) newHTTPServer(serverCtx context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,     // readBody extends it
		WriteTimeout:      responseTimeout, // counts from the headers; slow routes extend it
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return serverCtx },
		ErrorLog:          slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
}

type route struct {
	pattern string // of http.ServeMux
	right   access.Right
	handle  func(w http.ResponseWriter, r *http.Request) error

	parameters []string // of the query, which handle finds in the request's form; nil if the query is not read
}

// routes returns all routes of the API. The OpenAPI document lists the same ones.
func (s *Server) routes() []route {
	return []route{
		{"GET /v1/health", access.Open, s.health, nil},
		{"GET /v1/openapi.yaml", access.Open, s.openAPIDocument, nil},
		{"GET /v1/status", access.Read, s.status, []string{}},
		{"GET /v1/pipelines/{pipeline}/artifacts", access.Read, s.artifact, []string{"key", "as_of", "history"}},
		{"GET /v1/pipelines/{pipeline}/exceptions", access.Read, s.exceptions, []string{"limit"}},
		{"GET /v1/streams/{stream}/quarantine", access.Read, s.quarantine, []string{"limit", "dismissed"}},
		{"GET /v1/streams/{stream}/events", access.Read, s.feed, []string{"after", "limit", "wait"}},
		{"POST /v1/streams/{stream}/events", access.Events, s.events, []string{}},
		{"GET /metrics", access.Read, s.metrics.serve, nil},
	}
}

// Handler returns the handler of the HTTP API.
func (s *Server) Handler() http.Handler { return s.withRequestID(s.checkHost(s.mux(s.routes()))) }

// commandHandler returns the handler of the command socket. Its routes need no token: only users who can read the project's state can
// open it.
func (s *Server) commandHandler() http.Handler {
	return s.withRequestID(s.mux([]route{
		{"POST /v1/commands", access.Open, s.command, nil},
		{"DELETE /v1/commands/{id}", access.Open, s.cancelCommand, nil},
	}))
}

// anyRoute is the pattern of requests that match no route. They get an error of the API.
const anyRoute = "/"

func (s *Server) mux(routes []route) http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.pattern, s.authenticate(r))
	}
	mux.Handle(anyRoute, s.authenticate(route{pattern: "none", right: access.Open, handle: routeNotFound(mux)}))
	return mux
}

// Serve serves the API on the listener until Stop, and returns nil then.
func (s *Server) Serve(l net.Listener) error {
	s.ready.Store(true)
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
	}
	return nil
}

// ServeCommands serves the command socket until Stop, and returns nil then.
func (s *Server) ServeCommands(l net.Listener) error {
	if err := s.commandServer.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve commands: %w", err)
	}
	return nil
}

// Stop accepts no more requests and waits up to grace for the running ones. Then it cancels them and waits up to last.
func (s *Server) Stop(grace, last time.Duration) error {
	s.ready.Store(false)
	s.endServing()
	patience, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	defer s.cancelRequests()
	if err := s.shutdown(patience); err == nil {
		return nil
	}
	s.cancelRequests()
	patience, cancel = context.WithTimeout(context.Background(), last)
	defer cancel()
	if err := s.shutdown(patience); err != nil {
		err = fmt.Errorf("stop HTTP: some requests have not ended: %w", err)
		for _, one := range s.servers() {
			err = errors.Join(err, one.Close())
		}
		return err
	}
	return nil
}

func (s *Server) servers() []*http.Server {
	return []*http.Server{s.http, s.commandServer, s.peerServer}
}

// shutdown stops all listeners at once, then waits for the running requests.
func (s *Server) shutdown(ctx context.Context) (err error) {
	ended := make(chan error)
	for _, one := range s.servers() {
		go func() { ended <- one.Shutdown(ctx) }()
	}
	for range s.servers() {
		err = errors.Join(err, <-ended)
	}
	return err
}

//go:embed openapi.yaml
var openAPI []byte

func (s *Server) openAPIDocument(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPI) // a failed write means that the client has disconnected
	return nil
}
