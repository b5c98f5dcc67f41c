// Tests of HTTP tasks against a real server: what is sent, what answers mean, and that secrets are neither in errors nor in output.

package task

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/project"
)

func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

// httpJob returns a job with a request, which goes to the server's URL and a path.
func httpJob(s *httptest.Server, path string) *project.Job {
	return &project.Job{Task: project.Task{HTTP: &project.HTTPTask{Method: "POST", URL: s.URL + path}}}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "ok, accepted; you sent "+r.Header.Get("Authorization"))
	})
	job := httpJob(s, "/companies/{{.company}}/remind?on={{.date}}")
	job.Task.HTTP.Headers = map[string]string{"Authorization": "vault:token", "X-Company": "{{.company}}", "Host": "api.example.com", "user-agent": "mine"}
	job.Task.HTTP.Body = `{"company": {{json .company}}}`
	job.Task.Confirm = "accepted"
	deps := Deps{Setting: func(key, text string) (string, error) {
		if key != "task.http.headers.Authorization" || text != "vault:token" {
			t.Errorf("setting %s %s", key, text)
		}
		return "Bearer t0ps3cret", nil
	}}
	o := executorOf(t, job, deps).Execute(t.Context(), attemptOf(t, "company", "company", "a/b?c"))
	check(t, "request", o, Done, failure.Bug, "", false)
	if string(o.Output) != "ok, accepted; you sent [redacted]" || o.Cut != 0 {
		t.Errorf("output %q, %d bytes cut", o.Output, o.Cut)
	}
	if got.Method != "POST" || got.RequestURI != "/companies/a%2Fb%3Fc/remind?on=2026-11-25" || got.Host != "api.example.com" || string(body) != `{"company": "a/b?c"}` {
		t.Errorf("%s %s of %s: %s", got.Method, got.RequestURI, got.Host, body)
	}
	for name, want := range map[string]string{
		"Idempotency-Key": testID, "Authorization": "Bearer t0ps3cret", "X-Company": "a/b?c", "User-Agent": "mine", "Content-Type": "application/json",
	} {
		if v := got.Header.Values(name); len(v) != 1 || v[0] != want {
			t.Errorf("%s: %v, want %s", name, v, want)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status     int
		retryAfter string
		class      failure.Class // Bug: done
		after      time.Duration
	}{
		{200, "", failure.Bug, 0},
		{201, "", failure.Bug, 0},
		{204, "", failure.Bug, 0},
		{304, "", failure.Data, 0},
		{400, "", failure.Data, 0},
		{401, "", failure.Data, 0},
		{404, "10", failure.Data, 0},
		{408, "", failure.Transient, 0},
		{409, "", failure.Data, 0},
		{422, "", failure.Data, 0},
		{425, "", failure.Transient, 0},
		{429, "", failure.Throttled, 0},
		{429, "120", failure.Throttled, 2 * time.Minute},
		{429, "Wed, 25 Nov 2026 08:00:30 GMT", failure.Throttled, 30 * time.Second},
		{429, "Wed, 25 Nov 2026 07:00:00 GMT", failure.Throttled, 0},
		{429, "999999999999999999", failure.Throttled, longestRetryAfter},
		{429, "Wed, 25 Nov 9026 07:00:00 GMT", failure.Throttled, longestRetryAfter},
		{429, "-5", failure.Throttled, 0},
		{429, "soon", failure.Throttled, 0},
		{500, "", failure.Transient, 0},
		{502, "", failure.Transient, 0},
		{503, "", failure.Transient, 0},
		{503, "7", failure.Throttled, 7 * time.Second},
		{503, "Wednesday, 25-Nov-26 08:01:00 GMT", failure.Throttled, time.Minute},
		{599, "", failure.Transient, 0},
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.retryAfter != "" {
				w.Header().Set("Retry-After", c.retryAfter)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, "why") // 204 and 304 have no body
		})
		e := executorOf(t, httpJob(s, "/x?token=abc"), Deps{})
		e.now = func() time.Time { return now }
		o := e.Execute(t.Context(), attemptOf(t, ""))
		state, text := Failed, "POST "+s.URL+"/x: HTTP "
		if c.class == failure.Bug {
			state, text = Done, ""
		}
		check(t, http.StatusText(c.status)+" "+c.retryAfter, o, state, c.class, text, false)
		if o.RetryAfter != c.after {
			t.Errorf("%d %s: retry after %v, want %v", c.status, c.retryAfter, o.RetryAfter, c.after)
		}
		if want := "why"; c.status != 204 && c.status != 304 && string(o.Output) != want {
			t.Errorf("%d: output %q", c.status, o.Output)
		}
	}
}

func TestConfirmAnswer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 10_000)
	for _, c := range []struct {
		name, body, confirm string
		breaks              bool
		state               State
		class               failure.Class
		text                string
		uncertain           bool
	}{
		{"found", "it is done", "done", false, Done, failure.Bug, "", false},
		{"found in what is cut", long + "done" + long, "done", false, Done, failure.Bug, "", false},
		{"of the task", "accepted " + testID, "accepted {{.id}}", false, Done, failure.Bug, "", false},
		{"missing", "an error page", "done", false, Failed, failure.Data, "HTTP 200, but the answer does not contain the text of `confirm`", false},
		{"broken before", "it is do", "done", true, Failed, failure.Transient, "read the answer: unexpected EOF", true},
		{"broken behind", "it is done", "done", true, Done, failure.Bug, "", false},
		{"broken, nothing to confirm", "it is do", "", true, Done, failure.Bug, "", false},
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.breaks {
				w.Header().Set("Content-Length", "1000")
			}
			_, _ = io.WriteString(w, c.body)
		})
		job := httpJob(s, "/")
		job.Task.Confirm, job.Output = c.confirm, 1000
		o := executorOf(t, job, Deps{}).Execute(t.Context(), attemptOf(t, ""))
		check(t, c.name, o, c.state, c.class, c.text, c.uncertain)
		if int64(len(o.Output))+o.Cut != int64(len(c.body)) || len(o.Output) != min(len(c.body), 1000) {
			t.Errorf("%s: %d bytes of output, %d cut", c.name, len(o.Output), o.Cut)
		}
	}
}

// TestRedirects counts the requests that arrive: none may go elsewhere, and none may change.
func TestRedirects(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s with %v", r.Method, r.URL, r.Header) })
	for _, c := range []struct {
		name, method, to string
		status           int
		state            State
	}{
		{"same host", "POST", "/end", 308, Done},
		{"same host, same method", "GET", "/end", 302, Done},
		{"becomes a GET", "POST", "/end", 302, Failed},
		{"another host", "POST", elsewhere.URL, 307, Failed},
		{"for ever", "GET", "/again", 302, Failed},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/end" {
				if body, _ := io.ReadAll(r.Body); r.Method != c.method || r.Header.Get("Idempotency-Key") != testID || string(body) != map[string]string{"POST": "body"}[c.method] {
					t.Errorf("%s: %s %q with %v", c.name, r.Method, body, r.Header)
				}
				return
			}
			http.Redirect(w, r, c.to, c.status)
		})
		job := httpJob(s, "/begin")
		job.Task.HTTP.Method = c.method
		if c.method == "POST" {
			job.Task.HTTP.Body = "body"
		}
		o := executorOf(t, job, Deps{}).Execute(t.Context(), attemptOf(t, ""))
		if c.state == Done {
			check(t, c.name, o, Done, failure.Bug, "", false)
			continue
		}
		check(t, c.name, o, Failed, failure.Data, "a redirect is followed only if", false)
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	closes := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.Close()
	})
	begun := make(chan struct{}, 1)
	stalls := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // the server notices only then that the client is gone
		begun <- struct{}{}
		<-r.Context().Done()
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	a := attemptOf(t, "")
	const private = "/x?key=s3cr3t#s3cr3t"
	o := executorOf(t, httpJob(gone, private), Deps{}).Execute(t.Context(), a)
	check(t, "not connected", o, Failed, failure.Transient, "POST "+gone.URL+"/x: dial", false)
	noSecret(t, o)
	o = executorOf(t, httpJob(closes, private), Deps{}).Execute(t.Context(), a)
	check(t, "closed", o, Failed, failure.Transient, "POST "+closes.URL+"/x: EOF", true)
	noSecret(t, o)
	job := httpJob(stalls, private)
	job.Timeout = 50 * time.Millisecond
	check(t, "timeout", executorOf(t, job, Deps{}).Execute(t.Context(), a), Failed, failure.Transient, "/x: it took longer than 50ms", true)
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	check(t, "cancelled", executorOf(t, httpJob(stalls, ""), Deps{}).Execute(ctx, a), Failed, failure.Transient, "it was stopped before it ended", true)
}

func noSecret(t *testing.T, o Outcome) {
	t.Helper()
	if strings.Contains(o.Error+string(o.Output), "s3cr3t") {
		t.Errorf("a secret is in %q or %q", o.Error, o.Output)
	}
}

// TestRequestSecrets fails requests in which secrets are everywhere that they may be.
func TestRequestSecrets(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "no "+r.URL.String()+" "+password)
	})
	host := strings.TrimPrefix(s.URL, "http://")
	for _, c := range []struct{ name, url, value, want string }{
		{"user", "http://user:s3cr3t-password@" + host + "/x", "", "POST " + s.URL + "/x: HTTP 404"},
		{"reference", "vault:hook", s.URL + "/s3cr3t-path", "POST " + s.URL + ": HTTP 404"},
		{"not a URL", "vault:hook", "http://[s3cr3t", "task.http.url: it is not a valid URL"},
		{"no host", "vault:hook", "s3cr3t.example.com", "task.http.url: it must be a URL that begins with https://"},
		{"another scheme", "vault:hook", "file:///s3cr3t", "task.http.url: it must be a URL that begins with https://"},
	} {
		job := httpJob(s, "")
		job.Task.HTTP.URL = c.url
		o := executorOf(t, job, Deps{Setting: func(string, string) (string, error) { return c.value, nil }}).Execute(t.Context(), attemptOf(t, ""))
		check(t, c.name, o, Failed, failure.Data, c.want, false)
		if c.name != "reference" { // the server prints a part of it only
			noSecret(t, o)
		} else if strings.Contains(o.Error, "s3cr3t") {
			t.Error(o.Error)
		}
	}
	for _, value := range []string{"s3cr3t\r\nX-Other: 1", "s3cr3t\x00", "s3cr3t\x7f"} {
		job := httpJob(s, "")
		job.Task.HTTP.Headers = map[string]string{"Authorization": "vault:token"}
		o := executorOf(t, job, Deps{Setting: func(string, string) (string, error) { return value, nil }}).Execute(t.Context(), attemptOf(t, ""))
		check(t, "header", o, Failed, failure.Data, "task.http.headers.Authorization: it has a line break", false)
		noSecret(t, o)
	}
}
