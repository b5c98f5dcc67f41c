// Tests of requests and answers at servers of TLS.

package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/connectortest"
	"bursar/internal/aggregate/connector/web"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

const secret = `s3cret<&"/value`

// open starts a server and returns a requester for it.
func open(t *testing.T, o web.Options, handler http.HandlerFunc) (*web.Requester, *connectortest.Institution) {
	t.Helper()
	institution := connectortest.NewInstitution(t, handler)
	o.RootCA = institution.RootCA()
	client, err := web.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return &web.Requester{Client: client, Secrets: []vault.Secret{vault.NewSecret(secret), {}}}, institution
}

func get(t *testing.T, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStatuses checks the class of each status, and that excerpts of answers contain no secret in any form.
func TestStatuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		after  string
		class  failure.Class
	}{
		{429, "7", failure.Throttled},
		{429, "", failure.Throttled},
		{503, "7", failure.Throttled},
		{503, "", failure.Transient},
		{500, "7", failure.Transient},
		{502, "", failure.Transient},
		{408, "", failure.Transient},
		{401, "", failure.Data},
		{403, "", failure.Data},
		{400, "", failure.Data},
		{404, "", failure.Data},
		{304, "", failure.Data},
	} {
		q, institution := open(t, web.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			if c.after != "" {
				w.Header().Set("Retry-After", c.after)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, strings.Repeat(secret+"\x00"+url.QueryEscape(secret)+` s3cret\u003c\u0026\"/value `+web.EscapeText(secret)+" ", 20))
		})
		_, err := q.Do(get(t, institution.URL+"/a?b="+url.QueryEscape(secret)))
		if err == nil || failure.Of(err) != c.class || failure.RetryAfter(err) != time.Duration(len(c.after))*7*time.Second && c.class == failure.Throttled {
			t.Errorf("%d: %s, %v", c.status, failure.Of(err), err)
			continue
		}
		var rejected *connector.CredentialsError
		if errors.As(err, &rejected) != (c.status == 401 || c.status == 403) {
			t.Errorf("%d: %v", c.status, err)
		}
		if text := err.Error(); strings.Contains(text, "s3cret") || len(text) > 400 || strings.Contains(text, "?b=") {
			t.Errorf("%d: %s", c.status, text)
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, to, want string }{
		{http.MethodGet, "/end", ""},
		{http.MethodGet, "https://example.invalid/end", "redirects the request elsewhere"},
		{http.MethodGet, "http://HOST/end", "redirects the request elsewhere"},
		{http.MethodGet, "/again", "redirects more than 5 times"},
		{http.MethodPost, "/end", "redirects the request elsewhere"},
	} {
		var requests atomic.Int64
		q, institution := open(t, web.Options{OnRequest: func() { requests.Add(1) }}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/end" {
				http.Redirect(w, r, strings.Replace(c.to, "HOST", r.Host, 1), http.StatusTemporaryRedirect)
			}
		})
		r := get(t, institution.URL+"/again")
		r.Method = c.method
		_, err := q.Do(r)
		if c.want == "" && err != nil || c.want != "" && (failure.Of(err) != failure.Data || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s to %s: %v", c.method, c.to, err)
		}
		if requests.Load() != institution.Requests() {
			t.Errorf("%d requests counted, %d arrived", requests.Load(), institution.Requests())
		}
	}
}

// TestPlainText checks that nothing is sent to an address without TLS.
func TestPlainText(t *testing.T) {
	t.Parallel()
	called := false
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	t.Cleanup(plain.Close)
	client, err := web.NewClient(web.Options{Permit: func(context.Context) error { called = true; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	q := web.Requester{Client: client}
	if _, err := q.Do(get(t, plain.URL)); failure.Of(err) != failure.Data || err == nil || called {
		t.Errorf("called %v: %v", called, err)
	}
}

func TestRootCA(t *testing.T) {
	t.Parallel()
	if _, err := web.NewClient(web.Options{RootCA: []byte("x")}); failure.Of(err) != failure.Data {
		t.Errorf("%v", err)
	}
}

// TestTransportErrors checks what errors of connections say and do not say.
func TestTransportErrors(t *testing.T) {
	t.Parallel()
	q, institution := open(t, web.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = connection.Close()
		}
	})
	for _, address := range []string{institution.URL, "https://127.0.0.1:1"} {
		address = strings.Replace(address, "https://", "https://me:"+url.QueryEscape(secret)+"@", 1) + "/path?key=value"
		_, err := q.Do(get(t, address))
		if failure.Of(err) != failure.Transient || err == nil {
			t.Fatalf("%v", err)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if text := e.Error(); strings.Contains(text, "s3cret") || strings.Contains(text, "/path") || strings.Contains(text, "key=") {
				t.Errorf("%s", text)
			}
		}
	}
}

// TestPermitDoesNotCountAsTime waits longer for the permit than a request may take.
func TestPermitDoesNotCountAsTime(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	permit := func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); bounded {
			return errors.New("the wait for the permit is bounded")
		}
		return nil
	}
	q, institution := open(t, web.Options{Timeout: timeout, Permit: permit}, func(http.ResponseWriter, *http.Request) {})
	if _, err := q.Do(get(t, institution.URL)); err != nil {
		t.Error(err)
	}
}

// TestCompressedAnswers checks that the bound is one of the content, and that a compressed answer that is cut off is noticed.
func TestCompressedAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size, dropped int
		class         failure.Class
		want          string
	}{
		{1000, 0, failure.Bug, ""},
		{1000, 5, failure.Transient, "cut off"},
		{connector.MaxBody + 1, 0, failure.Data, "longer than"},
	} {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(make([]byte, c.size))
		_ = z.Close()
		q, institution := open(t, web.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes()[:packed.Len()-c.dropped])
		})
		answer, err := q.Do(get(t, institution.URL))
		if c.want == "" && (err != nil || len(answer.Body) != c.size) || c.want != "" && (failure.Of(err) != c.class || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%d bytes, %d dropped: %v", c.size, c.dropped, err)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body, want string
		class      failure.Class
	}{
		{`{"n": 12345678901234567.10, "m": "-1.50"}`, "12345678901234567.10 -1.50", failure.Bug},
		{`{"n": null}`, " ", failure.Bug},
		{`{"n": 1e3, "x": {}}`, "1e3 ", failure.Bug},
		{`{"n": 1`, "", failure.Transient},
		{`{`, "", failure.Transient},
		{``, "", failure.Transient},
		{`<html>`, "", failure.Data},
		{`{"n": 1}}`, "", failure.Data},
		{`{"n": true}`, "", failure.Data},
		{`{"n": [`, "", failure.Transient},
		{`[1]`, "", failure.Data},
	} {
		answer := answerWith(t, 200, c.body)
		var value struct{ N, M web.Number }
		err := answer.Decode(&value)
		if c.want == "" {
			if failure.Of(err) != c.class || err == nil {
				t.Errorf("%s: %s, %v", c.body, failure.Of(err), err)
			}
			continue
		}
		if got := string(value.N) + " " + string(value.M); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", c.body, got, err)
		}
	}
}

// answerWith returns an answer of a server.
func answerWith(t *testing.T, status int, content string) *web.Answer {
	t.Helper()
	q := web.Requester{Secrets: []vault.Secret{vault.NewSecret(secret)}, Client: &http.Client{Transport: roundTripper(func(*http.Request) *http.Response {
		w := httptest.NewRecorder()
		w.Header().Set("Retry-After", content)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, content)
		return w.Result()
	})}}
	answer, err := q.Send(get(t, "https://bank.example"))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

type roundTripper func(*http.Request) *http.Response

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// FuzzAnswer checks that every answer has a declared class and that its errors are short texts without the secret.
func FuzzAnswer(f *testing.F) {
	for _, content := range []string{`{"n":1}`, `{"n":"` + secret + `"}`, "7", "<html>\xff\x00", `{"n":-`} {
		f.Add(200, content)
		f.Add(503, content)
	}
	f.Fuzz(func(t *testing.T, status int, content string) {
		if status < 200 || status > 599 {
			return
		}
		answer := answerWith(t, status, content)
		var value struct{ N web.Number }
		for _, err := range []error{answer.Check(), answer.Decode(&value)} {
			if err == nil {
				continue
			}
			if text := err.Error(); failure.Of(err) == failure.Bug || len(text) > 1500 || strings.Contains(text, secret) {
				t.Errorf("%s: %q", failure.Of(err), text)
			}
		}
	})
}
