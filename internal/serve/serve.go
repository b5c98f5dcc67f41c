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

// Questions are what the API asks about artifacts. All are safe for concurrent use.
type Questions interface {
	Status(ctx context.Context) ([]reconcile.Status, error)
	Get(ctx context.Context, pipeline, key string, asOf uint64, history bool) (reconcile.GetResult, error)
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
	Questions  Questions
	Quarantine Quarantine
	Intake     Intake
	Commands   Commands
	Token      string // of the owner of the project folder, who may do everything
	Tokens     Tokens // those given to others
	Loopback   bool   // it listens on loopback only: requests for other hosts are refused
	Log        *slog.Logger
}

const (
	// headerTime bounds how long a client takes to send its headers.
	headerTime = 10 * time.Second
	// idleTime is how long a connection without a request is kept.
	idleTime = 2 * time.Minute
	// headerBytes bounds a request's headers.
	headerBytes = 64 << 10
	// answerTime bounds how long a client takes to read an answer that is made at once.
	answerTime = time.Minute
	// heavyQuestions is how many questions that walk over everything are worked on at a time.
	heavyQuestions = 2
)

// Server serves the API of one project.
type Server struct {
	options  Options
	http     *http.Server
	local    *http.Server // of the socket
	metrics  *metrics
	commands commands
	heavy    *semaphore.Weighted
	bodies   bodies        // in memory
	bodyTime time.Duration // tests have less patience
	ready    atomic.Bool
	prefix   string        // of request ids
	number   atomic.Uint64 // of the last request
	hangUp   context.CancelFunc
}

// New makes a server that is not ready yet.
func New(o Options) *Server {
	online, hangUp := context.WithCancel(context.Background())
	s := &Server{options: o, metrics: newMetrics(), heavy: semaphore.NewWeighted(heavyQuestions), hangUp: hangUp, bodyTime: bodyTime}
	s.prefix = rand.Text()[:8] + "-"
	s.bodies = newBodies()
	s.commands.limit = semaphore.NewWeighted(commandsAtOnce)
	s.http, s.local = s.listener(online, s.Handler()), s.listener(online, s.commandHandler())
	return s
}

// listener serves a handler within bounds of time.
func (s *Server) listener(online context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       bodyTime,   // the route that takes long bodies moves it
		WriteTimeout:      answerTime, // from the headers on; routes that take longer move it
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		BaseContext:       func(net.Listener) context.Context { return online },
		ErrorLog:          slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
}

// route is one way into the API.
type route struct {
	pattern string // as http.ServeMux takes it
	need    access.Right
	serve   func(w http.ResponseWriter, r *http.Request) error
}

// routes are all there are; the OpenAPI document holds the same.
func (s *Server) routes() []route {
	return []route{
		{"GET /v1/health", access.Open, s.health},
		{"GET /v1/openapi.yaml", access.Open, s.document},
		{"GET /v1/status", access.Read, s.status},
		{"GET /v1/pipelines/{pipeline}/artifacts", access.Read, s.artifact},
		{"GET /v1/pipelines/{pipeline}/exceptions", access.Read, s.exceptions},
		{"GET /v1/streams/{stream}/quarantine", access.Read, s.quarantine},
		{"POST /v1/streams/{stream}/events", access.Events, s.events},
		{"GET /metrics", access.Read, s.metrics.serve},
	}
}

// Handler is the API as it is served.
func (s *Server) Handler() http.Handler { return s.front(s.hostCheck(s.mux(s.routes()))) }

// commandHandler is what the socket serves.
func (s *Server) commandHandler() http.Handler { return s.front(s.mux(s.commandRoutes())) }

func (s *Server) mux(routes []route) http.Handler {
	known, all := http.NewServeMux(), http.NewServeMux()
	for _, r := range routes {
		known.Handle(r.pattern, s.enter(r))
		all.Handle(r.pattern, s.enter(r))
	}
	// What no route takes is answered in the API's own way; the first mux still tells 404 from 405.
	all.Handle("/", s.enter(route{pattern: "none", need: access.Open, serve: noRoute(known)}))
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
	if err := s.local.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve commands: %w", err)
	}
	return nil
}

// Stop takes no more requests and waits for those under way, first for grace, then, having cancelled them, until last.
func (s *Server) Stop(grace, last time.Duration) error {
	s.ready.Store(false)
	patience, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	defer s.hangUp()
	if err := s.shutdown(patience); err == nil {
		return nil
	}
	s.hangUp()
	patience, cancel = context.WithTimeout(context.Background(), last)
	defer cancel()
	if err := s.shutdown(patience); err != nil {
		return errors.Join(fmt.Errorf("stop HTTP: requests under way have not ended: %w", err), s.http.Close(), s.local.Close())
	}
	return nil
}

// shutdown takes no more requests anywhere at once, then waits for those under way.
func (s *Server) shutdown(ctx context.Context) error {
	local := make(chan error, 1)
	go func() { local <- s.local.Shutdown(ctx) }()
	return errors.Join(s.http.Shutdown(ctx), <-local)
}
