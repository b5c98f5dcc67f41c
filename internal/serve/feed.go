// The handler of the feed: the events of a stream after a cursor, for clients that may wait for new ones.

package serve

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"bursar/internal/event/feed"
)

const (
	// maxWait is how long a request may wait for new events, in seconds.
	maxWait = 30
	// maxWaiting is how many requests wait at a time. Each has a connection, and little else.
	maxWaiting = 1000
	// waitAgain is when a request is sent again that may not wait.
	waitAgain = 5 * time.Second
)

var errWaiting = &refusal{
	status: http.StatusTooManyRequests, message: "too many requests wait for events", hint: "send the request without `wait`, or later", retryAfter: waitAgain,
}

// feed sends the events after a cursor. If there are none, it waits for some as long as the client wants.
func (s *Server) feed(w http.ResponseWriter, r *http.Request) error {
	rows, err := limitParameter(r)
	if err != nil {
		return err
	}
	wait, err := waitParameter(r)
	if err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // only writers of tests do not support deadlines
	stream := r.PathValue("stream")
	page, err := s.readFeed(r.Context(), stream, r.Form.Get("after"), feed.Limit{Rows: rows, Bytes: maxListBytes}, wait)
	if err != nil {
		return err
	}
	s.metrics.fed.WithLabelValues(stream).Add(float64(len(page.Events)))
	_ = rc.SetWriteDeadline(time.Now().Add(responseTimeout))
	writeText(w, http.StatusOK, appendPage(nil, &page))
	return nil
}

// readFeed reads a page. If it is empty, it waits until there are events, and returns the empty page when the time is over or the server stops.
func (s *Server) readFeed(ctx context.Context, stream, after string, limit feed.Limit, wait time.Duration) (feed.Page, error) {
	page, err := s.options.Project.Feed(ctx, stream, after, limit)
	if err != nil || len(page.Events) > 0 || wait == 0 {
		return page, err
	}
	if !s.feedWaiting.TryAcquire(1) {
		return page, errWaiting
	}
	defer s.feedWaiting.Release(1)
	s.metrics.waiting.Inc()
	defer s.metrics.waiting.Dec()
	patience, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer context.AfterFunc(s.serving, cancel)()
	for len(page.Events) == 0 {
		if err := s.options.Project.AwaitEvents(patience, stream, page.Cursor()); err != nil {
			if patience.Err() != nil {
				err = ctx.Err()
			}
			return page, err
		}
		if page, err = s.options.Project.Feed(ctx, stream, page.Next, limit); err != nil {
			return page, err
		}
	}
	return page, nil
}

// appendPage appends a page as JSON. Its events are JSON already.
func appendPage(b []byte, p *feed.Page) []byte {
	b = append(b, `{"events":[`...)
	for i, e := range p.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	b = append(append(append(b, `],"next":"`...), p.Next...), `","more":`...)
	b = append(strconv.AppendBool(b, p.More), `,"retractions":`...)
	return append(strconv.AppendUint(b, p.Retractions, 10), '}', '\n')
}

func waitParameter(r *http.Request) (time.Duration, error) {
	text := r.Form.Get("wait")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxWait {
		return 0, refuse(http.StatusBadRequest, "wait is not a number of seconds from 0 to 30", "")
	}
	return time.Duration(n) * time.Second, nil
}
