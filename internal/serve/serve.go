// Package serve is the HTTP API of a running project, which takes events in and answers questions, and the socket beside it
// through which other processes have their commands carried out. It owns the wire (routes, limits, tokens, the shape of answers
// and errors) and guarantees that a request is answered by its class of error and held to bounds of time and memory. It must not decide
// anything about events or artifacts: what it serves is handed to it.
package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"bursar/internal/event"
	"bursar/internal/reconcile"
	"bursar/internal/serve/access"

	"golang.org/x/sync/semaphore"
)

// Queries are what the API asks about artifacts. All are safe for concurrent use.
type Queries interface {
	Status(ctx context.Context) ([]reconcile.Status, error)
	Get(ctx context.Context, pipeline, key string, asOf uint64, history bool) (reconcile.Answer, error)
	Exceptions(ctx context.Context, pipeline string, each func(reconcile.Exception) error) error
}

// Quarantine hands the rows of a stream that are in quarantine now to each.
type Quarantine interface {
	Quarantine(ctx context.Context, stream string, each func(event.Rejected) error) error
}

// Intake takes in a request's events. Once it answers they are durable and count exactly once, so that a request may be sent
// again after any error.
type Intake interface {
	Accept(ctx context.Context, stream string, r event.Request) (event.Answer, error)
}

// Tokens finds out what the bearer of a token may do; known is false of a token that was never given out, or was revoked.
type Tokens interface {
	Find(ctx context.Context, token string) (scope access.Scope, known bool, err error)
}

// Options are what a Server serves.
type Options struct {
	Queries    Queries
	Quarantine Quarantine
	Intake     Intake
	Commands   Commands
	Token      string // of the owner of the project folder, who may do everything
	Tokens     Tokens // those given to others
	Loopback   bool   // it listens on loopback only: requests for other hosts are refused
	Log        *slog.Logger
}

const (
	// headerTimeout bounds how long a client takes to send its headers.
	headerTimeout = 10 * time.Second
	// idleTimeout is how long a connection without a request is kept.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes bounds a request's headers.
	maxHeaderBytes = 64 << 10
	// responseTimeout bounds how long a client takes to read an answer that is made at once.
	responseTimeout = time.Minute
	// maxHeavyQueries is how many questions that walk over everything are worked on at a time.
	maxHeavyQueries = 2
)

// Server serves the API of one project.
type Server struct {
	options        Options
	http           *http.Server
	commandServer  *http.Server // of the socket
	metrics        *metrics
	commands       commands
	heavyQueries   *semaphore.Weighted
	bodyPool       bodyPool      // in memory
	bodyTimeout    time.Duration // tests have less patience
	ready          atomic.Bool
	requestPrefix  string        // of request ids
	lastRequest    atomic.Uint64 // of the last request
	cancelRequests context.CancelFunc
}

// New makes a server that is not ready yet.
func New(o Options) *Server {
	serverCtx, cancelRequests := context.WithCancel(context.Background())
	s := &Server{options: o, metrics: newMetrics(), heavyQueries: semaphore.NewWeighted(maxHeavyQueries), cancelRequests: cancelRequests, bodyTimeout: bodyTimeout}
	s.requestPrefix = rand.Text()[:8] + "-"
	s.bodyPool = newBodyPool()
	s.commands.limit = semaphore.NewWeighted(maxCommands)
	s.http, s.commandServer = s.newHTTPServer(serverCtx, s.Handler()), s.newHTTPServer(serverCtx, s.commandHandler())
	return s
}

// newHTTPServer serves a handler within bounds of time.
func (s *Server) newHTTPServer(serverCtx context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,     // the route that takes long bodies moves it
		WriteTimeout:      responseTimeout, // from the headers on; routes that take longer move it
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return serverCtx },
		ErrorLog:          slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
}

// route is one way into the API.
type route struct {
	pattern string // as http.ServeMux takes it
	right   access.Right
	handle  func(w http.ResponseWriter, r *http.Request) error
}

// routes are all there are; the OpenAPI document holds the same.
func (s *Server) routes() []route {
	return []route{
		{"GET /v1/health", access.Open, s.health},
		{"GET /v1/openapi.yaml", access.Open, s.openAPIDocument},
		{"GET /v1/status", access.Read, s.status},
		{"GET /v1/pipelines/{pipeline}/artifacts", access.Read, s.artifact},
		{"GET /v1/pipelines/{pipeline}/exceptions", access.Read, s.exceptions},
		{"GET /v1/streams/{stream}/quarantine", access.Read, s.quarantine},
		{"POST /v1/streams/{stream}/events", access.Events, s.events},
		{"GET /metrics", access.Read, s.metrics.serve},
	}
}

// Handler is the API as it is served.
func (s *Server) Handler() http.Handler { return s.withRequestID(s.checkHost(s.mux(s.routes()))) }

// commandHandler is what the socket serves.
func (s *Server) commandHandler() http.Handler { return s.withRequestID(s.mux(s.commandRoutes())) }

func (s *Server) mux(routes []route) http.Handler {
	known, all := http.NewServeMux(), http.NewServeMux()
	for _, r := range routes {
		known.Handle(r.pattern, s.authenticate(r))
		all.Handle(r.pattern, s.authenticate(r))
	}
	// What no route takes is answered in the API's own way; the first mux still tells 404 from 405.
	all.Handle("/", s.authenticate(route{pattern: "none", right: access.Open, handle: routeNotFound(known)}))
	return all
}

// Serve answers on the listener until Stop; it returns nil then.
func (s *Server) Serve(l net.Listener) error {
	s.ready.Store(true)
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
	}
	return nil
}

// ServeCommands carries out the commands that come through the socket until Stop; it returns nil then.
func (s *Server) ServeCommands(l net.Listener) error {
	if err := s.commandServer.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve commands: %w", err)
	}
	return nil
}

// Stop takes no more requests and waits for those under way, first for grace, then, having cancelled them, until last.
func (s *Server) Stop(grace, last time.Duration) error {
	s.ready.Store(false)
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
		return errors.Join(fmt.Errorf("stop HTTP: requests under way have not ended: %w", err), s.http.Close(), s.commandServer.Close())
	}
	return nil
}

// shutdown takes no more requests anywhere at once, then waits for those under way.
func (s *Server) shutdown(ctx context.Context) error {
	local := make(chan error, 1)
	go func() { local <- s.commandServer.Shutdown(ctx) }()
	return errors.Join(s.http.Shutdown(ctx), <-local)
}
