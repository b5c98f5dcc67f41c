// Tests of searching and listing a mailbox.

package mailbox_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/mail"
	"bursar/internal/job/mail/mailtest"
	"bursar/internal/job/mailbox"
)

// answering serves one answer, and returns a mailbox whose URL holds a password.
func answering(t *testing.T, handler http.HandlerFunc) *mailbox.Mailbox {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return &mailbox.Mailbox{URL: strings.Replace(s.URL, "http://", "http://user:geheim@", 1) + "/api/v1/search?token=geheim&query=message-id:{id}"}
}

func TestSentReadsAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		found  bool
		fails  bool
	}{
		"found":                        {answer: `{"total":9,"messages":[{"ID":"x","MessageID":"a@b"}]}`, found: true},
		"found in angle brackets":      {answer: `{"messages":[{"MessageID":"<a@b>"}]}`, found: true},
		"found twice":                  {answer: `{"messages":[{"MessageID":"a@b"},{"MessageID":"a@b"}]}`, found: true},
		"found after another":          {answer: `{"messages":[{"MessageID":"aa@b"},{"MessageID":"a@b"}]}`, found: true},
		"only others, whatever total":  {answer: `{"total":9,"count":1,"messages":[{"MessageID":"aa@b"}]}`},
		"none":                         {answer: `{"total":9,"messages":[]}`},
		"said to be found":             {answer: `{"found":true}`, found: true},
		"said not to be found":         {answer: `{"found":false,"more":{"a":[1]}}`},
		"a list is more than a saying": {answer: `{"found":true,"messages":[]}`},
		"a message without its id":     {answer: `{"messages":[{"ID":"x"}]}`, fails: true},
		"an id that is no text":        {answer: `{"messages":[{"MessageID":7}]}`, fails: true},
		"messages are null":            {answer: `{"messages":null}`, fails: true},
		"neither":                      {answer: `{"count":0}`, fails: true},
		"found is no bool":             {answer: `{"found":"yes"}`, fails: true},
		"a list":                       {answer: `[]`, fails: true},
		"null":                         {answer: `null`, fails: true},
		"nothing":                      {answer: ``, fails: true},
		"two values":                   {answer: `{"found":true}{"found":false}`, fails: true},
		"HTML":                         {answer: `<html>log in</html>`, fails: true},
		"broken off":                   {answer: `{"messages":[{"MessageID":"a@b"}`, fails: true},
		"too long":                     {answer: `{"found":true,"x":"` + strings.Repeat("x", 9<<20) + `"}`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := answering(t, func(w http.ResponseWriter, r *http.Request) {
				if r.FormValue("query") != "message-id:a@b" {
					t.Errorf("asked for %q", r.FormValue("query"))
				}
				fmt.Fprint(w, test.answer)
			})
			found, err := m.Sent(t.Context(), "a@b")
			if found != test.found || (err != nil) != test.fails {
				t.Errorf("found: %v, %v, want %v, and an error: %v", found, err, test.found, test.fails)
			}
			if test.fails && failure.Of(err) != failure.Data {
				t.Errorf("class %v of %v, want data", failure.Of(err), err)
			}
			if err != nil && strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error contains a secret: %v", err)
			}
		})
	}
}

func TestStatusOfAnswers(t *testing.T) {
	t.Parallel()
	for status, class := range map[int]failure.Class{
		http.StatusNotFound: failure.Data, http.StatusUnauthorized: failure.Data, http.StatusFound: failure.Data,
		http.StatusNoContent: failure.Data, http.StatusInternalServerError: failure.Transient, http.StatusBadGateway: failure.Transient,
		http.StatusTooManyRequests: failure.Throttled,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			m := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
			})
			_, err := m.Sent(t.Context(), "a@b")
			if err == nil || failure.Of(err) != class || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%v of class %v, want class %v", err, failure.Of(err), class)
			}
			if wait := failure.RetryAfter(err); class == failure.Throttled && wait != 7*time.Second {
				t.Errorf("retry after %v, want 7s", wait)
			}
		})
	}
}

func TestUnreachableMailboxIsTransient(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	m := &mailbox.Mailbox{URL: s.URL + "/?token=geheim&id={id}"}
	s.Close()
	_, err := m.Sent(t.Context(), "a@b")
	if err == nil || failure.Of(err) != failure.Transient || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v of class %v, want transient", err, failure.Of(err))
	}
}

// TestSecretURL: errors name a URL that is a secret, and show nothing of it (rule 8).
func TestSecretURL(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	m := &mailbox.Mailbox{URL: s.URL + "/secretpath/api/v1/search?query={id}", Name: "vault:box"}
	_, refused := m.Sent(t.Context(), "a@b")
	s.Close()
	_, away := m.Sent(t.Context(), "a@b")
	var listing error
	for _, listing = range m.All(t.Context()) {
		break
	}
	for _, err := range []error{refused, away, listing} {
		if err == nil || !strings.Contains(err.Error(), "vault:box") || strings.Contains(err.Error(), "secretpath") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Error(err)
		}
	}
	if failure.Of(refused) != failure.Data || failure.Of(away) != failure.Transient {
		t.Errorf("classes %v and %v", failure.Of(refused), failure.Of(away))
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "{id}", "ftp://host/{id}", "http:///{id}", "http://host/search", "http://ho st/{id}", "://{id}"} {
		m := &mailbox.Mailbox{URL: address}
		if err := m.Check(); err == nil {
			t.Errorf("URL %q is accepted", address)
		}
		if _, err := m.Sent(t.Context(), "a@b"); err == nil || failure.Of(err) != failure.Data {
			t.Errorf("search %q: %v, want an error of class data", address, err)
		}
	}
}

// sent fills a mailbox with messages, and returns it with its API.
func sent(t *testing.T, count int) (*mailtest.Server, *mail.Client, *mailbox.Mailbox) {
	t.Helper()
	s := mailtest.New(t, mailtest.Options{})
	c := mail.NewClient(mail.Config{Address: s.Address(), TLS: mail.TLSNone, From: "a@example.com"})
	t.Cleanup(c.Close)
	for i := range count {
		send(t, c, fmt.Sprint(i))
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	return s, c, &mailbox.Mailbox{URL: web.URL + "/api/v1/search?query=message-id:{id}"}
}

func send(t *testing.T, c *mail.Client, id string) {
	t.Helper()
	if err := c.Send(t.Context(), mail.Message{ID: id, To: "b@example.com", Text: "text"}); err != nil {
		t.Error(err)
	}
}

func TestAllListsEachMessageOnce(t *testing.T) {
	t.Parallel()
	for _, count := range []int{0, 1, 999, 1000, 1001, 2500} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			_, c, m := sent(t, count)
			listed := map[string]int{}
			for id, err := range m.All(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if len(listed) == count/2 { // it pushes others to later pages
					send(t, c, fmt.Sprintf("new-%d", len(listed)))
				}
				listed[id]++
			}
			for i := range count {
				if n := listed[mail.MessageID(fmt.Sprint(i))]; n != 1 {
					t.Fatalf("message %d is listed %d times, want once", i, n)
				}
			}
		})
	}
}

func TestAllCountsRepeatedMessages(t *testing.T) {
	t.Parallel()
	_, c, m := sent(t, 3)
	send(t, c, "1")
	var listed []string
	for id, err := range m.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, id)
	}
	if got := strings.Join(listed, " "); got != "1@bursar 2@bursar 1@bursar 0@bursar" {
		t.Errorf("listed: %s", got)
	}
}

func TestAllNoticesDeletedMessages(t *testing.T) {
	t.Parallel()
	s, _, m := sent(t, 1500)
	var failed error
	count := 0
	for _, err := range m.All(t.Context()) {
		if count++; count == 1 {
			s.Clear()
		}
		failed = errors.Join(failed, err)
	}
	if failure.Of(failed) != failure.Transient || failed == nil {
		t.Errorf("list while messages are deleted: %v, want a transient error", failed)
	}
}

func TestAllNeedsMailpit(t *testing.T) {
	t.Parallel()
	m := &mailbox.Mailbox{URL: "http://127.0.0.1:1/find/{id}"}
	for _, err := range m.All(t.Context()) {
		if err == nil || failure.Of(err) != failure.Data {
			t.Errorf("list: %v, want an error of class data", err)
		}
	}
}
