// Tests of requests that wait for events, with a fake project behind the API.

package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/event/feed"
	"bursar/internal/reconcile"
)

// fedEvents is how many events each stream of a fake project has.
const fedEvents = 3

// fedTo is a cursor after so many of them: any text without special characters.
func fedTo(n int) string { return fmt.Sprint("c", n) }

// Feed has events with ids from 1.
func (s *fakeProject) Feed(_ context.Context, stream, after string, limit feed.Limit) (feed.Page, error) {
	n := 0
	switch {
	case stream == "none":
		return feed.Page{}, &reconcile.NotFoundError{What: "stream none"}
	case stream == "gone":
		return feed.Page{}, &feed.GoneError{What: "batch 1 is lost", Hint: "use another cursor"}
	case after == feed.LatestText:
		n = fedEvents
	case after != "":
		if _, err := fmt.Sscanf(after, "c%d", &n); err != nil {
			_, err = feed.ParseCursor(stream, after)
			return feed.Page{}, err
		}
	}
	p := feed.Page{Events: []json.RawMessage{}, Retractions: 7}
	for ; n < fedEvents && len(p.Events) < limit.Rows; n++ {
		p.Events = append(p.Events, json.RawMessage(fmt.Sprintf(`{"id":"<%d>"}`, n+1)))
	}
	p.Next, p.More = fedTo(n), n < fedEvents
	return p, nil
}

func (s *fakeProject) AwaitEvents(ctx context.Context, _ string, _ feed.Cursor) error {
	return s.await(ctx)
}

// TestWaitEnds answers a request that waits with an empty page when its time is over, and when the server stops.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	waits := make(chan struct{})
	a := newAPI(t, &fakeProject{await: func(ctx context.Context) error {
		waits <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}})
	ask := func(seconds int) string {
		answer, body := a.do(apiCall{pattern: feeding, path: fmt.Sprintf("%s?after=latest&wait=%d", payments, seconds)})
		if answer.StatusCode != http.StatusOK || !strings.HasPrefix(body, `{"events":[],"next":"`+fedTo(fedEvents)) {
			t.Errorf("the answer is %d %s", answer.StatusCode, body)
		}
		return body
	}
	go func() { <-waits }()
	_ = ask(1)
	var group sync.WaitGroup
	group.Go(func() { _ = ask(30) })
	<-waits
	if err := a.server.Stop(10*time.Second, 0); err != nil {
		t.Error(err)
	}
	group.Wait()
}

// TestTooManyWait refuses to let one more request wait, which it answers without waiting.
func TestTooManyWait(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	if !a.server.feedWaiting.TryAcquire(maxWaiting) {
		t.Fatal("somebody waits")
	}
	answer, body := a.do(apiCall{pattern: feeding, path: payments + "?after=latest&wait=30"})
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") != "5" || !strings.Contains(body, "too many requests wait") {
		t.Errorf("the answer is %d %s", answer.StatusCode, body)
	}
	if answer, body := a.do(apiCall{pattern: feeding, path: payments + "?wait=30"}); answer.StatusCode != http.StatusOK {
		t.Errorf("with events there already, the answer is %d %s", answer.StatusCode, body)
	}
}
