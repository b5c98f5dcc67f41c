// Questions: where pipelines stand, one artifact, what is open, what was rejected and is to be resolved.

package serve

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"bursar/internal/event"
	"bursar/internal/reconcile"
)

const (
	// defaultListRows is how many rows a list holds unless asked otherwise, and mostRows at most.
	defaultListRows = 1000
	maxListRows     = 10_000
	// maxListBytes is where a list ends whatever its rows: they may be long.
	maxListBytes = 32 << 20
)

var errParameter = refuse(http.StatusBadRequest, "a parameter is not understood", "GET /v1/openapi.yaml says what is")

// health tells whether requests are taken.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	status := http.StatusOK
	if !s.ready.Load() {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, map[string]bool{"ready": s.ready.Load()})
	return nil
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseParameters(r); err != nil {
		return err
	}
	list, err := s.options.Queries.Status(r.Context())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"pipelines": list})
	return nil
}

func (s *Server) artifact(w http.ResponseWriter, r *http.Request) error {
	query, err := parseParameters(r, "key", "as_of", "history")
	if err != nil {
		return err
	}
	key := query.Get("key")
	if key == "" {
		return refuse(http.StatusBadRequest, "the key is missing", `ask with ?key=o-1003, or ?key=["o-1003","USD"] for several columns`)
	}
	var asOf uint64
	if text := query.Get("as_of"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n == 0 {
			return refuse(http.StatusBadRequest, "as_of is no run", "runs are numbered from 1")
		}
		asOf = n
	}
	history := false
	if text := query.Get("history"); text != "" {
		if history, err = strconv.ParseBool(text); err != nil {
			return refuse(http.StatusBadRequest, "history is neither true nor false", "")
		}
	}
	answer, err := s.options.Queries.Get(r.Context(), r.PathValue("pipeline"), key, asOf, history)
	if err != nil {
		return err
	}
	writeText(w, http.StatusOK, appendAnswer(nil, &answer))
	return nil
}

// appendAnswer writes an artifact, whose parts are JSON already.
func appendAnswer(b []byte, a *reconcile.Answer) []byte {
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

// boundedList is a list that ends where it gets too long.
type boundedList struct {
	items []json.RawMessage
	bytes int
	limit int
	more  bool
}

// errListFull ends a walk when the list is full.
var errListFull = errors.New("the list is full")

func (l *boundedList) add(item any) error {
	text, err := json.Marshal(item)
	if err != nil {
		return err
	}
	if len(l.items) == l.limit || l.bytes+len(text) > maxListBytes && len(l.items) > 0 {
		l.more = true
		return errListFull
	}
	l.items, l.bytes = append(l.items, text), l.bytes+len(text)
	return nil
}

// list answers with the rows that walk adds. Few are made at a time: each may walk over everything there is.
func (s *Server) list(w http.ResponseWriter, query url.Values, r *http.Request, name string, walk func(ctx context.Context, add func(any) error) error) error {
	l := boundedList{limit: defaultListRows, items: []json.RawMessage{}}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxListRows {
			return refuse(http.StatusBadRequest, "limit is no number from 1 to 10000", "")
		}
		l.limit = n
	}
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // a writer without deadlines is a test's
	if err := s.heavyQueries.Acquire(r.Context(), 1); err != nil {
		return err
	}
	defer s.heavyQueries.Release(1)
	if err := walk(r.Context(), l.add); err != nil && !errors.Is(err, errListFull) {
		return err
	}
	_ = rc.SetWriteDeadline(time.Now().Add(responseTimeout))
	writeJSON(w, http.StatusOK, map[string]any{name: l.items, "more": l.more})
	return nil
}

func (s *Server) exceptions(w http.ResponseWriter, r *http.Request) error {
	query, err := parseParameters(r, "limit")
	if err != nil {
		return err
	}
	return s.list(w, query, r, "exceptions", func(ctx context.Context, add func(any) error) error {
		return s.options.Queries.Exceptions(ctx, r.PathValue("pipeline"), func(x reconcile.Exception) error { return add(x) })
	})
}

// quarantinedRow is one row in quarantine.
type quarantinedRow struct {
	Ref    string `json:"ref"` // what names the row within the stream
	Batch  uint64 `json:"batch"`
	File   string `json:"file"`
	Row    int64  `json:"row"`
	Column string `json:"column"`
	Reason string `json:"reason"`
	Raw    string `json:"raw"`
	Bytes  []byte `json:"bytes,omitempty"`  // in place of raw where it is not UTF-8
	Object string `json:"object,omitempty"` // in place of raw where it is longer than a line may be

	Dismissed *dismissal `json:"dismissed,omitempty"`
}

// dismissal says since when and why a row counts as resolved.
type dismissal struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// quarantine lists the rows that wait to be resolved, or those that are dismissed.
func (s *Server) quarantine(w http.ResponseWriter, r *http.Request) error {
	query, err := parseParameters(r, "limit", "dismissed")
	if err != nil {
		return err
	}
	wantDismissed := false
	if text := query.Get("dismissed"); text != "" {
		if wantDismissed, err = strconv.ParseBool(text); err != nil {
			return refuse(http.StatusBadRequest, "dismissed is neither true nor false", "")
		}
	}
	return s.list(w, query, r, "rows", func(ctx context.Context, add func(any) error) error {
		return s.options.Quarantine.Quarantine(ctx, r.PathValue("stream"), func(q event.Rejected) error {
			if wantDismissed != (q.Dismissed != nil) {
				return nil
			}
			row := quarantinedRow{Ref: q.Place().String(), Batch: q.Batch, File: q.File, Row: q.Row, Column: q.Column, Reason: q.Reason, Raw: q.Raw, Bytes: q.Bytes, Object: q.Object}
			if d := q.Dismissed; d != nil {
				row.Dismissed = &dismissal{d.Reason, d.At}
			}
			return add(row)
		})
	})
}

// parseParameters reads the parameters and refuses those that a route does not know, so that a misspelt one is not passed over.
func parseParameters(r *http.Request, known ...string) (url.Values, error) {
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
