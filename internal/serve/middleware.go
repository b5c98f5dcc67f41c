// The middleware of every request: request id, host check, token, scope and parameters, log and metrics.

package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/serve/access"
)

// requestIDHeader carries the id of a request: the client's, or one that the server generates.
const requestIDHeader = "X-Request-Id"

var (
	errToken = refuse(http.StatusUnauthorized, "the request has no valid token",
		"send `Authorization: Bearer TOKEN` with a token that `bursar token create` printed, or with the one in .bursar/token of the project folder "+
			"on the machine that this server runs on")
	errScope = refuse(http.StatusForbidden, "the token does not allow this", "`bursar token list` shows the scope of each token")
	errHost  = refuse(http.StatusForbidden, "the request is for another host", "use the address that `bursar up` printed")
	errRoute = refuse(http.StatusNotFound, "no such route", "GET /v1/openapi.yaml lists them")
)

// withRequestID gives every request an id and sets the headers of every response.
func (s *Server) withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !isValidRequestID(id) {
			id = s.requestPrefix + strconv.FormatUint(s.lastRequest.Add(1), 10)
		}
		w.Header()[requestIDHeader] = []string{id}
		if r.ContentLength == 0 { // a passed deadline would look like a disconnected client
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // only writers of tests do not support deadlines
		}
		w.Header()["X-Content-Type-Options"] = []string{"nosniff"}
		next.ServeHTTP(w, r)
	})
}

// checkHost refuses requests for other hosts if the API listens on loopback only.
func (s *Server) checkHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.options.Loopback && !isLoopback(r.Host) {
			s.serveRoute(w, r, "none", time.Now(), func(http.ResponseWriter, *http.Request) error { return errHost })
			return
		}
		next.ServeHTTP(w, r)
	})
}

// routeNotFound answers requests that match no route: 404, or 405 with the allowed methods.
func routeNotFound(mux *http.ServeMux) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		var methods []string
		for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPost, http.MethodPut} {
			probe := r.WithContext(r.Context())
			probe.Method = method
			if _, pattern := mux.Handler(probe); pattern != anyRoute {
				methods = append(methods, method)
			}
		}
		if methods == nil {
			return errRoute
		}
		allowed := strings.Join(methods, ", ")
		w.Header().Set("Allow", allowed)
		return refuse(http.StatusMethodNotAllowed, r.Method+" is not allowed on this route", "use "+allowed)
	}
}

// isValidRequestID reports whether a client's request id is safe to log and to send back.
func isValidRequestID(id string) bool {
	return id != "" && len(id) <= 64 && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) < 0
}

// isLoopback reports whether a Host header names loopback. A malicious web page can make a browser reach loopback under
// another name (DNS rebinding).
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// authenticate returns the handler of a route, which checks the token and then the parameters first.
func (s *Server) authenticate(target route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serveRoute(w, r, target.pattern, time.Now(), func(w http.ResponseWriter, r *http.Request) error {
			err := s.authorize(w, r, target.right)
			if err == nil && target.parameters != nil {
				r.Form, err = parseParameters(r, target.parameters)
			}
			if err != nil {
				return err
			}
			return target.handle(w, r)
		})
	})
}

// authorize refuses a request whose token is unknown (401) or has not the right that the route needs (403).
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

// scopeOf returns the scope of a token. It compares digests in constant time, so that not even a token's length leaks.
func (s *Server) scopeOf(ctx context.Context, token string) (scope access.Scope, known bool, err error) {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.options.Token))
	if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		return access.Everything, true, nil
	}
	return s.options.FindToken(ctx, token)
}

// serveRoute serves one request. An error before the response has begun becomes an error response.
func (s *Server) serveRoute(w http.ResponseWriter, r *http.Request, pattern string, started time.Time,
	handle func(w http.ResponseWriter, r *http.Request) error,
) {
	recorded := &responseRecorder{ResponseWriter: w}
	err := catchPanic(func() error { return handle(recorded, r) })
	if err != nil && recorded.code == 0 {
		writeProblem(recorded, r, err)
	}
	s.metrics.requests.WithLabelValues(pattern, strconv.Itoa(recorded.status())).Inc()
	log := s.options.Log
	switch {
	case err == nil:
	case failure.Of(err) == failure.Bug:
		log.Error("request failed", "request", w.Header().Get(requestIDHeader), "route", pattern, "error", err)
	case object.IsDamage(err) && failure.IsOfServer(err), failure.IsOfServer(err) && r.Context().Err() == nil && s.warnings.Pass("request"): // the response does not say it
		log.Warn("request failed; other warnings of this kind follow after a minute", "request", w.Header().Get(requestIDHeader), "route", pattern, "error", err)
	}
	if log.Enabled(r.Context(), slog.LevelDebug) {
		log.Debug("request", "request", w.Header().Get(requestIDHeader), "method", r.Method, "path", r.URL.Path,
			"status", recorded.status(), "seconds", time.Since(started).Seconds(), "from", r.RemoteAddr)
	}
	if err != nil && recorded.bodyStarted && !recorded.isError { // a truncated response must not look complete
		panic(http.ErrAbortHandler)
	}
}

// catchPanic turns a panic into an error of class Bug, so that it does not end the process.
func catchPanic(handle func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return handle()
}

type responseRecorder struct {
	http.ResponseWriter
	code        int
	bodyStarted bool // some of the body was sent
	isError     bool // an error was written
}

func (r *responseRecorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *responseRecorder) Write(b []byte) (int, error) {
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
