// HTTP tasks: a request with an idempotency key, and what its answer means.

package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"bursar/internal/failure"
	"bursar/internal/process"
)

const (
	// maxAnswer is the most bytes of an answer that are read.
	maxAnswer = 64 << 20
	// maxRedirects is how many redirects are followed.
	maxRedirects = 5
)

// request is a declared request.
type request struct {
	*Executor
	method  string
	url     *text
	headers map[string]*text
	body    *text
	confirm *text
	client  *http.Client
}

func newRequest(e *Executor, p *parser) *request {
	h := e.job.Task.HTTP
	r := &request{
		Executor: e, method: cmp.Or(strings.ToUpper(h.Method), http.MethodPost), url: p.url("task.http.url", h.URL),
		headers: map[string]*text{}, body: p.text("task.http.body", h.Body), confirm: p.text("task.confirm", e.job.Task.Confirm),
	}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		r.headers[name] = p.setting("task.http.headers."+name, h.Headers[name], "")
	}
	client := http.Client{}
	if e.deps.HTTP != nil {
		client = *e.deps.HTTP
	}
	client.CheckRedirect = checkRedirect
	r.client = &client
	return r
}

// checkRedirect follows redirects that repeat the same request on the same host: others would hand the key and secrets to a third party, or
// count the answer to a GET as that to a POST.
func checkRedirect(next *http.Request, before []*http.Request) error {
	first := before[0]
	if next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host || next.Method != first.Method || len(before) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

func (r *request) execute(ctx context.Context, a *attempt) Outcome {
	req, confirm, err := r.build(ctx, a)
	if err != nil {
		return a.failed(ctx, "build the request", err)
	}
	what := req.Method + " " + r.publicURL(req.URL)
	answer, err := r.client.Do(req)
	if err != nil {
		err = failure.Wrap(failure.Transient, connectionCause(err))
		if notBegun(err) {
			return a.failed(ctx, what, err)
		}
		return a.unknown(ctx, what, err)
	}
	defer answer.Body.Close()
	return r.judge(ctx, a, what, answer, confirm)
}

// connectionCause omits the URL, which may have secrets.
func connectionCause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// build renders the request.
func (r *request) build(ctx context.Context, a *attempt) (req *http.Request, confirm string, err error) {
	address, err := r.resolve(a, r.url)
	if err != nil {
		return nil, "", err
	}
	target, err := parseURL(address)
	if err != nil {
		return nil, "", badf("%s: %w", r.place("task.http.url"), err)
	}
	if password, hasPassword := target.User.Password(); hasPassword {
		a.secrets = append(a.secrets, password)
	}
	body, err := r.body.render(a.values)
	if err == nil {
		confirm, err = r.confirm.render(a.values)
	}
	if err != nil {
		return nil, "", err
	}
	req, err = http.NewRequestWithContext(ctx, r.method, target.String(), strings.NewReader(body))
	if err != nil {
		return nil, "", badf("%s is not a valid method", strconv.Quote(r.method))
	}
	req.Header.Set("Idempotency-Key", a.ID)
	req.Header.Set("User-Agent", "bursar")
	if body != "" {
		req.Header.Set("Content-Type", contentType(body))
	}
	return req, confirm, r.setHeaders(req, a)
}

// setHeaders sets the declared headers; a header that the request has by itself is replaced.
func (r *request) setHeaders(req *http.Request, a *attempt) error {
	for _, name := range slices.Sorted(maps.Keys(r.headers)) {
		value, err := r.resolve(a, r.headers[name])
		if err != nil {
			return err
		}
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f || c == utf8.RuneError }) {
			return badf("%s: it has a line break or another character that a header can't contain", r.place("task.http.headers."+name))
		}
		if strings.EqualFold(name, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	return nil
}

// resolve returns the value of a reference, which is a secret of the attempt from then on, or renders a template.
func (e *Executor) resolve(a *attempt, t *text) (string, error) {
	if t == nil || t.reference == "" {
		return t.render(a.values)
	}
	if e.deps.Setting == nil {
		return "", errMissing("a vault")
	}
	value, err := e.deps.Setting(t.key, t.reference)
	if err != nil {
		return "", err
	}
	a.secrets = append(a.secrets, value)
	return value, nil
}

// place says where a key of the job is written.
func (e *Executor) place(key string) string { return (&parser{job: e.job}).place(key) }

// parseURL parses an absolute URL. Its errors don't contain it.
func parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("it is not a valid URL: values are percent-encoded only if the URL does not begin with one")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("it must be a URL that begins with https:// or http:// and a host")
	}
	return u, nil
}

// publicURL is a URL without what may be secret: its user, password, query and fragment; of a URL from the vault, its path as well.
func (r *request) publicURL(u *url.URL) string {
	if r.url.reference != "" {
		return u.Scheme + "://" + u.Host
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

func contentType(body string) string {
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// judge says what an answer means, and keeps it as the task's output.
func (r *request) judge(ctx context.Context, a *attempt, what string, answer *http.Response, confirm string) Outcome {
	out := r.capture(a)
	search := process.NewSearch(confirm)
	_, readErr := io.Copy(io.MultiWriter(out, search), io.LimitReader(answer.Body, maxAnswer))
	o := Outcome{State: Done}
	switch err := r.statusError(answer); {
	case err != nil:
		o = a.failed(ctx, what, err)
	case search.Found():
	case readErr != nil:
		o = a.unknown(ctx, what, passingf("read the answer: %w", readErr))
	default:
		o = a.failed(ctx, what, badf("HTTP %d, but the answer does not contain the text of `confirm`", answer.StatusCode))
	}
	o.Output, o.Cut = out.end()
	return o
}

// statusError says what the status of an answer means; nil is success.
func (r *request) statusError(answer *http.Response) error {
	status := answer.StatusCode
	err := fmt.Errorf("HTTP %s", strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status))))
	after, isKnown := failure.ParseRetryAfter(answer.Header.Get("Retry-After"), r.now())
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && isKnown:
		return failure.Throttle(after, err)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return failure.Wrap(failure.Transient, err)
	case status >= 300 && status < 400:
		return badf("%w: a redirect is followed only if it repeats the request on the same host; change `url`", err)
	}
	return failure.Wrap(failure.Data, err)
}
