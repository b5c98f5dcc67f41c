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

// requestHeader names a request: the client's own name for it or one that is made here.
const requestHeader = "X-Request-Id"

var (
	errToken = refuse(http.StatusUnauthorized, "the request carries no valid token",
		"send `Authorization: Bearer TOKEN` with a token that `bursar token create` printed, or what is in .bursar/token of the project folder")
	errScope = refuse(http.StatusForbidden, "the token does not allow this", "`bursar token list` shows what each token is for")
	errHost  = refuse(http.StatusForbidden, "the request is for another host", "ask for the address that `bursar up` printed")
	errRoute = refuse(http.StatusNotFound, "there is no such route", "GET /v1/openapi.yaml lists them")
)

// front numbers requests.
func (s *Server) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestHeader)
		if !isName(id) {
			id = s.prefix + strconv.FormatUint(s.number.Add(1), 10)
		}
		w.Header()[requestHeader] = []string{id}
		if r.ContentLength == 0 { // a deadline would pass for a client that has gone
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a writer without deadlines is a test's
		}
		w.Header()["X-Content-Type-Options"] = []string{"nosniff"}
		next.ServeHTTP(w, r)
	})
}

// hostCheck refuses requests for other hosts while only this machine is served.
func (s *Server) hostCheck(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.options.Loopback && !isLoopback(r.Host) {
			s.answer(w, r, "none", time.Now(), func(http.ResponseWriter, *http.Request) error { return errHost })
			return
		}
		next.ServeHTTP(w, r)
	})
}

// noRoute answers what the mux refuses: 404, or 405 with the methods there are.
func noRoute(mux *http.ServeMux) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		refused := statusOf{ResponseWriter: w, header: http.Header{}}
		mux.ServeHTTP(&refused, r)
		if refused.code != http.StatusMethodNotAllowed {
			return errRoute
		}
		allowed := refused.header.Get("Allow")
		w.Header().Set("Allow", allowed)
		return refuse(http.StatusMethodNotAllowed, "the route takes no "+r.Method, "it takes "+allowed)
	}
}

// statusOf keeps an answer's status and headers and drops the rest.
type statusOf struct {
	http.ResponseWriter
	header http.Header
	code   int
}

func (s *statusOf) Header() http.Header         { return s.header }
func (s *statusOf) WriteHeader(code int)        { s.code = code }
func (s *statusOf) Write(b []byte) (int, error) { return len(b), nil }

// isName is true of a request id that is safe to be logged and sent back.
func isName(id string) bool {
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

// enter is a route's handler behind the token.
func (s *Server) enter(way route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, way.pattern, time.Now(), func(w http.ResponseWriter, r *http.Request) error {
			if err := s.allow(w, r, way.need); err != nil {
				return err
			}
			return way.serve(w, r)
		})
	})
}

// allow refuses a request whose token is not known (401) or is not for what the request does (403).
func (s *Server) allow(w http.ResponseWriter, r *http.Request, need access.Right) error {
	if need == access.Open {
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
	case !scope.Allows(need, r.PathValue("stream")):
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

// answer carries out one request: what fails before anything was sent becomes an error of the API.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, pattern string, began time.Time,
	serve func(w http.ResponseWriter, r *http.Request) error,
) {
	seen := &recorder{ResponseWriter: w}
	err := guarded(func() error { return serve(seen, r) })
	if err != nil && seen.code == 0 {
		writeProblem(seen, r, err)
	}
	s.metrics.count(pattern, seen.status())
	log := s.options.Log
	if failure.Of(err) == failure.Bug && err != nil && !isRefusal(err) {
		log.Error("request failed", "request", w.Header().Get(requestHeader), "route", pattern, "error", err)
	}
	if log.Enabled(r.Context(), slog.LevelDebug) {
		log.Debug("request", "request", w.Header().Get(requestHeader), "method", r.Method, "path", r.URL.Path,
			"status", seen.status(), "seconds", time.Since(began).Seconds(), "from", r.RemoteAddr)
	}
	if err != nil && seen.begun && !seen.whole { // half an answer must not look like a whole one
		panic(http.ErrAbortHandler)
	}
}

// guarded turns a panic into an error of the class bug: one request's fault ends no other.
func guarded(serve func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return serve()
}

// recorder notes an answer's status.
type recorder struct {
	http.ResponseWriter
	code  int
	begun bool // a part of the body was sent
	whole bool // an error was written
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.status()
	r.code, r.begun = r.status(), true
	return r.ResponseWriter.Write(b)
}

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// isGone is true when the client has hung up, or the server is to stop.
func isGone(r *http.Request, err error) bool {
	return r.Context().Err() != nil && (errors.Is(err, context.Canceled) || failure.Of(err) == failure.Transient)
}
