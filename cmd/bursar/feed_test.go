//go:build linux

// The feed of a stream by command, over HTTP, and while a process is killed or stopped.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// fed is an answer of the feed.
type fed struct {
	Events []struct {
		ID        string `json:"event_id"`
		Amount    string `json:"amount"`
		At        string `json:"occurred_at"`
		Retracted bool   `json:"_retracted"`
	} `json:"events"`
	Next        string `json:"next"`
	More        bool   `json:"more"`
	Retractions int    `json:"retractions"`
}

func (f *fed) ids() (list []string) {
	for _, e := range f.Events {
		list = append(list, e.ID)
	}
	return list
}

func parseFed(t *testing.T, text string) (f fed) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return f
}

// feed asks for events. It may be called from any goroutine.
func (u *running) feed(query string) fed {
	u.t.Helper()
	status, body := u.get("/v1/streams/payments/events?"+query, u.token)
	if status != 200 {
		u.t.Errorf("the feed answers %d: %s", status, body)
		return fed{}
	}
	return parseFed(u.t, body)
}

// TestFeedCommand prints events without `bursar up`, and follows the cursor.
func TestFeedCommand(t *testing.T) {
	t.Parallel()
	dir, _ := retractShop(t)
	must(t, 0, "retract", "payments", "2", "--event", "c", "--reason", "wrong", "--project", dir)
	all := must(t, 0, "feed", "payments", "--project", dir)
	lines := strings.Split(strings.TrimSpace(all.out), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[2], `{"event_id":"c",`) || !strings.HasSuffix(lines[2], `,"_retracted":true}`) {
		t.Errorf("all are %s", all.out)
	}
	var got []string
	after := ""
	for more := true; more; {
		page := parseFed(t, must(t, 0, "feed", "payments", "--after", after, "--limit", "1", "--json", "--project", dir).out)
		if page.Retractions != 1 {
			t.Errorf("the page is %+v", page)
		}
		got, after, more = append(got, page.ids()...), page.Next, page.More
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("the pages have %v, want %v", got, want)
	}
	if next := "next: bursar feed payments --after " + after; !strings.Contains(all.err, next) {
		t.Errorf("feed says %s, want %s", all.err, next)
	}
	must(t, 3, "feed", "none", "--project", dir)
	must(t, 2, "feed", "payments", "--follow", "--project", dir)
	must(t, 2, "feed", "payments", "--after", after+"A", "--project", dir)
	must(t, 0, "feed", "entries", "--project", dir)
}

// TestFeedUp follows the feed of a project that is up, across the death of its process.
func TestFeedUp(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	u := bringUp(t, dir)
	send := func(id string) {
		t.Helper()
		if status, body := u.post(paid(id, "1.50", "o-1"), ""); status != 200 {
			t.Fatalf("post answers %d: %s", status, body)
		}
	}
	wait := func(after string) <-chan fed {
		got := make(chan fed, 1)
		go func() { got <- u.feed("wait=30&after=" + after) }()
		return got
	}
	expect := func(got fed, id string) {
		t.Helper()
		if !slices.Equal(got.ids(), []string{id}) || got.More {
			t.Fatalf("the feed has %+v, want %s", got, id)
		}
	}
	first := wait("")
	send("a")
	page := <-first
	expect(page, "a")
	if e := page.Events[0]; e.Amount != "1.50" || !strings.HasSuffix(e.At, "Z") {
		t.Errorf("the event is %+v", e)
	}
	printed := newWritten()
	following, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(following, []string{"feed", "payments", "--follow", "--project", dir}, printed, &bytes.Buffer{})
	}()
	printed.await(t, `{"event_id":"a"`)
	second := wait(page.Next)
	send("b")
	page = <-second
	expect(page, "b")
	printed.await(t, `{"event_id":"b"`)
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("--follow ended with %d", code)
	}
	send("c")
	u.stop(os.Kill, -1)
	u = bringUp(t, dir) // seals what was acknowledged
	page = u.feed("after=" + page.Next + "&wait=30")
	expect(page, "c")
	for path, want := range map[string]int{"payments/events?after=x": 400, "none/events": 404, "account_balances/events": 404} {
		if status, body := u.get("/v1/streams/"+path, u.token); status != want {
			t.Errorf("%s answers %d: %s", path, status, body)
		}
	}
	waiting := wait(page.Next)
	for !strings.Contains(u.metrics(), "bursar_feed_waiting 1") {
		continue
	}
	u.stop(os.Interrupt, 0)
	if got := <-waiting; len(got.Events) > 0 || got.Next != page.Next {
		t.Errorf("at the end the feed has %+v", got)
	}
}

func (u *running) metrics() string {
	u.t.Helper()
	status, body := u.get("/metrics", u.token)
	if status != 200 {
		u.t.Fatal(fmt.Sprint(status, body))
	}
	return body
}
