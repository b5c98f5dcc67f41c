// Handlers of the API: events that are accepted once they are durable, pipeline status, one artifact, exceptions and quarantined rows.

package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/failure"
	"bursar/internal/reconcile/query"
)

const (
	// defaultListRows is the default limit of a list in rows, and maxListRows the highest.
	defaultListRows = 1000
	maxListRows     = 10_000
	// maxListBytes bounds a list in bytes, because rows may be long.
	maxListBytes = 32 << 20
)

var errParameter = refuse(http.StatusBadRequest, "unknown, repeated or malformed parameter", "GET /v1/openapi.yaml lists the parameters")

func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	list, err := s.options.Project.Status(r.Context())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"pipelines": list})
	return nil
}

func (s *Server) artifact(w http.ResponseWriter, r *http.Request) error {
	key := r.Form.Get("key")
	if key == "" {
		return refuse(http.StatusBadRequest, "the key is missing", `add ?key=o-1003, or ?key=["o-1003","USD"] for several columns`)
	}
	var asOf uint64
	if text := r.Form.Get("as_of"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n == 0 {
			return refuse(http.StatusBadRequest, "as_of is not a run number", "runs are numbered from 1")
		}
		asOf = n
	}
	history, err := boolParameter(r, "history")
	if err != nil {
		return err
	}
	answer, err := s.options.Project.Get(r.Context(), r.PathValue("pipeline"), key, asOf, history)
	if err != nil {
		return err
	}
	writeText(w, http.StatusOK, appendAnswer(nil, &answer))
	return nil
}

// appendAnswer appends an artifact as JSON. Its key and columns are JSON already.
func appendAnswer(b []byte, a *query.GetResult) []byte {
	b = append(append(b, `{"key":`...), a.Key...)
	b = strconv.AppendUint(append(b, `,"run":`...), a.Run, 10)
	b = append(b, `,"watermark":`...)
	if a.Watermark == nil {
		b = append(b, "null"...)
	} else {
		b = append(a.Watermark.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	}
	b = append(append(b, `,"artifact":`...), a.Artifact...)
	for i, v := range a.History {
		b = append(b, [...]string{`,"history":[`, `,`}[min(i, 1)]...)
		b = strconv.AppendUint(append(b, `{"run":`...), v.Run, 10)
		b = append(append(append(b, `,"artifact":`...), v.Artifact...), '}')
	}
	if len(a.History) > 0 {
		b = append(b, ']')
	}
	return append(b, '}', '\n')
}

// boundedList is a list of JSON items that accepts no more of them once a limit is reached.
type boundedList struct {
	items []json.RawMessage
	bytes int
	limit int
	more  bool
}

func (l *boundedList) add(item any) error {
	text, err := json.Marshal(item)
	if err != nil {
		return err
	}
	if len(l.items) == l.limit || l.bytes+len(text) > maxListBytes && len(l.items) > 0 {
		l.more = true
		return failure.ErrStop
	}
	l.items, l.bytes = append(l.items, text), l.bytes+len(text)
	return nil
}

// list sends the rows that walk adds. Only maxHeavyQueries lists are built at a time, since each may read all stored data.
func (s *Server) list(w http.ResponseWriter, r *http.Request, name string, walk func(ctx context.Context, add func(any) error) error) error {
	rows, err := limitParameter(r)
	if err != nil {
		return err
	}
	l := boundedList{limit: rows, items: []json.RawMessage{}}
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // only writers of tests do not support deadlines
	if err := s.heavyQueries.Acquire(r.Context(), 1); err != nil {
		return err
	}
	defer s.heavyQueries.Release(1)
	if err := failure.UnlessStopped(walk(r.Context(), l.add)); err != nil {
		return err
	}
	_ = rc.SetWriteDeadline(time.Now().Add(responseTimeout))
	writeJSON(w, http.StatusOK, map[string]any{name: l.items, "more": l.more})
	return nil
}

// limitParameter returns the number of rows that a client wants at most.
func limitParameter(r *http.Request) (int, error) {
	text := r.Form.Get("limit")
	if text == "" {
		return defaultListRows, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxListRows {
		return 0, refuse(http.StatusBadRequest, "limit is not a number from 1 to 10000", "")
	}
	return n, nil
}

func (s *Server) exceptions(w http.ResponseWriter, r *http.Request) error {
	return s.list(w, r, "exceptions", func(ctx context.Context, add func(any) error) error {
		return s.options.Project.Exceptions(ctx, r.PathValue("pipeline"), func(x query.Exception) error { return add(x) })
	})
}

// quarantine lists the unresolved rows of a stream, or with dismissed=true the dismissed ones.
func (s *Server) quarantine(w http.ResponseWriter, r *http.Request) error {
	wantDismissed, err := boolParameter(r, "dismissed")
	if err != nil {
		return err
	}
	return s.list(w, r, "rows", func(ctx context.Context, add func(any) error) error {
		return s.options.Project.Quarantine(ctx, r.PathValue("stream"), func(q event.Rejected) error {
			if wantDismissed != (q.Dismissed != nil) {
				return nil
			}
			var row struct {
				event.ListedRow
				Dismissed *event.ListedDismissal `json:"dismissed,omitempty"`
			}
			row.ListedRow, row.Dismissed = q.Listed()
			return add(row)
		})
	})
}

func boolParameter(r *http.Request, name string) (bool, error) {
	text := r.Form.Get(name)
	if text == "" {
		return false, nil
	}
	is, err := strconv.ParseBool(text)
	if err != nil {
		return false, refuse(http.StatusBadRequest, name+" is not true or false", "")
	}
	return is, nil
}

// parseParameters returns the query parameters. It refuses unknown ones, so that a misspelt parameter is not silently ignored.
func parseParameters(r *http.Request, known []string) (url.Values, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errParameter
	}
	for name, values := range query {
		if !slices.Contains(known, name) || len(values) != 1 {
			return nil, errParameter
		}
	}
	return query, nil
}

const maxKeyBytes = 255

var (
	errEmpty     = refuse(http.StatusBadRequest, "the body contains no events", "send one JSON object per line")
	errKey       = refuse(http.StatusBadRequest, "the Idempotency-Key is too long or contains characters other than visible ASCII", "use at most 255 characters, such as a UUID")
	errKeyReused = refuse(http.StatusUnprocessableEntity, answers.ErrKeyReused.Error(), "use a new Idempotency-Key for other events")
)

func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	answer, err := s.acceptEvents(w, r, s.options.Project.Accept)
	if err == nil && !answer.Repeated {
		s.metrics.countEvents(r.PathValue("stream"), &answer)
	}
	return err
}

// acceptEvents accepts the events of a request, and sends the answer.
func (s *Server) acceptEvents(w http.ResponseWriter, r *http.Request, accept Accept) (answer answers.Answer, err error) {
	key := r.Header.Get("Idempotency-Key")
	if !isValidKey(key) || len(r.Header.Values("Idempotency-Key")) > 1 {
		return answer, errKey
	}
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // only writers of tests do not support deadlines
	body, release, err := s.readBody(rc, r)
	defer release()
	if err != nil {
		return answer, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return answer, errEmpty
	}
	answer, err = accept(r.Context(), r.PathValue("stream"), live.Request{Key: key, Body: body})
	if errors.Is(err, answers.ErrKeyReused) {
		return answer, errKeyReused
	}
	if err != nil {
		return answer, err
	}
	_ = rc.SetWriteDeadline(time.Now().Add(responseTimeout))
	writeJSON(w, http.StatusOK, answer)
	return answer, nil
}

func isValidKey(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return len(key) <= maxKeyBytes
}
