// What every request passes: its number, the host it asks for, the token and its scope, the log, the metrics.

package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/serve/access"
)

// requestIDHeader names a request: the client's own name for it or one that is made here.
const requestIDHeader = "X-Request-Id"

var (
	errToken = refuse(http.StatusUnauthorized, "the request carries no valid token",
		"send `Authorization: Bearer TOKEN` with a token that `bursar token create` printed, or what is in .bursar/token of the project folder")
	errScope = refuse(http.StatusForbidden, "the token does not allow this", "`bursar token list` shows what each token is for")
	errHost  = refuse(http.StatusForbidden, "the request is for another host", "ask for the address that `bursar up` printed")
	errRoute = refuse(http.StatusNotFound, "there is no such route", "GET /v1/openapi.yaml lists them")
)

// withRequestID numbers requests.
func (s *Server) withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !isValidRequestID(id) {
			id = s.requestPrefix + strconv.FormatUint(s.lastRequest.Add(1), 10)
		}
		w.Header()[requestIDHeader] = []string{id}
		if r.ContentLength == 0 { // a deadline would pass for a client that has gone
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a writer without deadlines is a test's
		}
		w.Header()["X-Content-Type-Options"] = []string{"nosniff"}
		next.ServeHTTP(w, r)
	})
}

// checkHost refuses requests for other hosts while only this machine is served.
func (s *Server) checkHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.options.Loopback && !isLoopback(r.Host) {
			s.serveRoute(w, r, "none", time.Now(), func(http.ResponseWriter, *http.Request) error { return errHost })
			return
		}
		next.ServeHTTP(w, r)
	})
}

// routeNotFound answers what the mux refuses: 404, or 405 with the methods there are.
func routeNotFound(mux *http.ServeMux) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		probe := headerProbe{ResponseWriter: w, header: http.Header{}}
		mux.ServeHTTP(&probe, r)
		if probe.code != http.StatusMethodNotAllowed {
			return errRoute
		}
		allowed := probe.header.Get("Allow")
		w.Header().Set("Allow", allowed)
		return refuse(http.StatusMethodNotAllowed, "the route takes no "+r.Method, "it takes "+allowed)
	}
}

// headerProbe keeps an answer's status and headers and drops the rest.
type headerProbe struct {
	http.ResponseWriter
	header http.Header
	code   int
}

func (s *headerProbe) Header() http.Header         { return s.header }
func (s *headerProbe) WriteHeader(code int)        { s.code = code }
func (s *headerProbe) Write(b []byte) (int, error) { return len(b), nil }

// isValidRequestID is true of a request id that is safe to be logged and sent back.
func isValidRequestID(id string) bool {
	return id != "" && len(id) <= 64 && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) < 0
}

// isLoopback is true of a Host header that names this machine to itself. A page that a browser was lured to reaches
// loopback under a name of its own (DNS rebinding).
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// authenticate is a route's handler behind the token.
func (s *Server) authenticate(target route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serveRoute(w, r, target.pattern, time.Now(), func(w http.ResponseWriter, r *http.Request) error {
			if err := s.authorize(w, r, target.right); err != nil {
				return err
			}
			return target.handle(w, r)
		})
	})
}

// authorize refuses a request whose token is not known (401) or is not for what the request does (403).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, right access.Right) error {
	if right == access.Open {
		return nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	scope, known, err := s.scopeOf(r.Context(), strings.TrimSpace(token))
	switch {
	case err != nil:
		return err
	case !known || !strings.EqualFold(scheme, "Bearer"):
		w.Header().Set("WWW-Authenticate", "Bearer")
		return errToken
	case !scope.Allows(right, r.PathValue("stream")):
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
		return errScope
	}
	return nil
}

// scopeOf is what the bearer of a token may do. Digests are compared, in constant time, so that not even a token's length shows.
func (s *Server) scopeOf(ctx context.Context, token string) (scope access.Scope, known bool, err error) {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.options.Token))
	if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		return access.Everything, true, nil
	}
	return s.options.Tokens.Find(ctx, token)
}

// serveRoute carries out one request: what fails before anything was sent becomes an error of the API.
func (s *Server) serveRoute(w http.ResponseWriter, r *http.Request, pattern string, started time.Time,
	handle func(w http.ResponseWriter, r *http.Request) error,
) {
	recorded := &responseRecorder{ResponseWriter: w}
	err := catchPanic(func() error { return handle(recorded, r) })
	if err != nil && recorded.code == 0 {
		writeProblem(recorded, r, err)
	}
	s.metrics.countRequest(pattern, recorded.status())
	log := s.options.Log
	if failure.Of(err) == failure.Bug && err != nil && !isRefusal(err) {
		log.Error("request failed", "request", w.Header().Get(requestIDHeader), "route", pattern, "error", err)
	}
	if log.Enabled(r.Context(), slog.LevelDebug) {
		log.Debug("request", "request", w.Header().Get(requestIDHeader), "method", r.Method, "path", r.URL.Path,
			"status", recorded.status(), "seconds", time.Since(started).Seconds(), "from", r.RemoteAddr)
	}
	if err != nil && recorded.bodyStarted && !recorded.isError { // half an answer must not look like a whole one
		panic(http.ErrAbortHandler)
	}
}

// catchPanic turns a panic into an error of the class bug: one request's fault ends no other.
func catchPanic(handle func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return handle()
}

// responseRecorder notes an answer's status.
type responseRecorder struct {
	http.ResponseWriter
	code        int
	bodyStarted bool // a part of the body was sent
	isError     bool // an error was written
}

func (r *responseRecorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *responseRecorder) Write(b []byte) (int, error) {
	r.status()
	r.code, r.bodyStarted = r.status(), true
	return r.ResponseWriter.Write(b)
}

func (r *responseRecorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}

// Unwrap lets http.ResponseController reach the connection.
func (r *responseRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// isCancelled is true when the client has hung up, or the server is to stop.
func isCancelled(r *http.Request, err error) bool {
	return r.Context().Err() != nil && (errors.Is(err, context.Canceled) || failure.Of(err) == failure.Transient)
}
