// Package mailbox asks a mailbox over HTTP which messages are in it.
//
// It owns the form of the question and of the answers that are accepted. It guarantees that a message is reported as found only if the
// answer names its Message-ID or says so expressly, and that an answer in any other form is an error, never "not found". It must not
// know how messages are sent.
package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/vault"
)

// Mailbox is a mailbox that can be searched.
type Mailbox struct {
	// URL finds the messages with a Message-ID: {id} stands for it, without angle brackets and escaped for a URL. For mailpit:
	// http://127.0.0.1:8025/api/v1/search?query=message-id:{id}. It may hold a user and a password.
	URL    string
	Name   string       // what errors call it if its URL is a secret; empty: they show the URL without user, password and query
	Client *http.Client // nil: one that follows no redirects
}

// Limits of a request.
const (
	requestTime = 30 * time.Second
	mostBytes   = 8 << 20 // of an answer
)

const placeholder = "{id}"

// Sent reports whether the mailbox has a message with this Message-ID, which is given without angle brackets.
//
// The answer must have the status 200 and be one JSON object of one of two forms. Other members of it do not matter.
//
//   - With "messages", the list of the found messages as mailpit gives it: each is an object with the text "MessageID", with or without
//     angle brackets. The message is in the mailbox if one of them is equal to the Message-ID. Counters as "total" are not read.
//   - With "found": true or false.
//
// Errors are Throttled for the status 429, with its Retry-After, Transient for 5xx and broken connections, and else Data.
func (m *Mailbox) Sent(ctx context.Context, messageID string) (bool, error) {
	if err := m.Check(); err != nil {
		return false, failure.Wrap(failure.Data, err)
	}
	address := strings.ReplaceAll(m.URL, placeholder, url.QueryEscape(messageID))
	body, err := m.get(ctx, address)
	if err == nil {
		var found bool
		if found, err = read(body, messageID); err == nil {
			return found, nil
		}
		err = failure.Wrap(failure.Data, err)
	}
	return false, m.hide(fmt.Errorf("search %s for message %s: %w", m.shown(address), messageID, err))
}

// Check reports what is wrong with the URL.
func (m *Mailbox) Check() error {
	parsed, err := url.Parse(strings.ReplaceAll(m.URL, placeholder, "id"))
	switch {
	case err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https"):
		return errors.New("the URL of the mailbox is not a valid http or https URL; correct mail.sent in bursar.yaml")
	case !strings.Contains(m.URL, placeholder):
		return errors.New("the URL of the mailbox does not contain {id}, the place of the Message-ID; correct mail.sent in bursar.yaml")
	}
	return nil
}

func (m *Mailbox) get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, failure.Wrap(failure.Data, errors.New("the URL is not valid"))
	}
	request.Header.Set("Accept", "application/json")
	response, err := m.client().Do(request)
	if err != nil {
		return nil, failure.Wrap(failure.Transient, withoutURL(err))
	}
	defer response.Body.Close()
	if err := status(response); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, mostBytes+1))
	if err != nil {
		return nil, failure.Wrap(failure.Transient, fmt.Errorf("read the answer: %w", err))
	}
	if len(body) > mostBytes {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("the answer is longer than %d bytes", mostBytes))
	}
	return body, nil
}

// status gives an answer that is not 200 its class.
func status(response *http.Response) error {
	code := response.StatusCode
	err := fmt.Errorf("the answer has the status %d", code)
	switch {
	case code == http.StatusOK:
		return nil
	case code == http.StatusTooManyRequests:
		after, _ := failure.ParseRetryAfter(response.Header.Get("Retry-After"), time.Now()) // else it is not known
		return failure.Throttle(after, err)
	case code >= http.StatusInternalServerError || code == http.StatusRequestTimeout:
		return failure.Wrap(failure.Transient, err)
	}
	return failure.Wrap(failure.Data, fmt.Errorf("%w; check mail.sent in bursar.yaml", err))
}

// plainClient follows no redirects, which could take a password to another server.
var plainClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (m *Mailbox) client() *http.Client {
	if m.Client != nil {
		return m.Client
	}
	return plainClient
}

// hide removes the host of a secret URL from an error.
func (m *Mailbox) hide(err error) error {
	parsed, parseErr := url.Parse(strings.ReplaceAll(m.URL, placeholder, "id"))
	if m.Name == "" || parseErr != nil {
		return err
	}
	return vault.Hide(err, m.Name, parsed.Host, parsed.Hostname())
}

// shown is what errors show of a URL: no user, password or query, which may be secret (rule 8).
func (m *Mailbox) shown(address string) string {
	if m.Name != "" {
		return m.Name
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return "the mailbox"
	}
	return parsed.Scheme + "://" + parsed.Host + parsed.EscapedPath()
}

// withoutURL removes the URL from an error of the HTTP client.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
