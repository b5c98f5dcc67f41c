// Reads the tasks that send something: `http` and `email`.

package project

import (
	"net/http"
	"net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/project/doc"
)

// methods are those of requests. The first ones have no body.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (t *Task) readHTTP(o doc.Section, v variables) {
	s := o.Sub("http", "method", "url", "headers", "body", "confirm")
	s.Require("url")
	r := &HTTPTask{Method: s.OneOf("method", methods...), URL: v.text(s, "url"), Body: v.text(s, "body")}
	switch {
	case r.Method == "" && r.Body != "":
		r.Method = http.MethodPost
	case r.Method == "":
		r.Method = http.MethodGet
	case r.Body != "" && slices.Contains(methods[:2], r.Method):
		s.Fail("body", "cannot be sent with %s: use POST, PUT, PATCH or DELETE", r.Method)
	}
	checkURL(s, r.URL)
	r.Headers = readHeaders(s, v)
	t.HTTP = r
	if s.Has("confirm") {
		t.Confirm = readConfirm(s, v)
	}
}

// checkURL checks the beginning of a URL, which must be a fixed text.
func checkURL(s doc.Section, text string) {
	if text == "" || IsReference(text) {
		return
	}
	beginning, _, _ := strings.Cut(text, "{{")
	scheme, rest, found := strings.Cut(beginning, "://")
	if !found || scheme != "http" && scheme != "https" {
		s.Fail("url", "must begin with http:// or https://")
		return
	}
	host, _, _ := strings.Cut(rest, "/")
	if strings.Contains(host, "@") {
		s.Fail("url", "has a user or password in it, which would be recorded: send it in `headers`, as in {Authorization: vault:NAME}")
		return
	}
	if beginning != text { // what the values make of it is known when a task is executed
		return
	}
	if u, err := url.Parse(text); err != nil || u.Host == "" {
		s.Fail("url", "is not a valid URL: write it as in https://example.com/path")
	}
}

var (
	headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	// looseReference is a reference that does not stand alone, and so is none.
	looseReference = regexp.MustCompile(`\s(env:[A-Za-z_][A-Za-z0-9_]*|vault:[a-z][a-z0-9_]*)$`)
)

// ownHeaders are made from the request itself.
var ownHeaders = []string{"Connection", "Content-Length", "Host", "Trailer", "Transfer-Encoding", "Upgrade"}

func readHeaders(o doc.Section, v variables) map[string]string {
	s := o.Sub("headers")
	if len(s.Keys) == 0 {
		return nil
	}
	headers, by := map[string]string{}, map[string]string{}
	for _, name := range s.Keys {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		value := v.setting(s, name)
		switch {
		case !headerName.MatchString(name):
			s.Src.FailAt(s.At(name), "%s is not a valid name of a header", doc.Brief(name))
		case slices.Contains(ownHeaders, canonical):
			s.Src.FailAt(s.At(name), "%s cannot be declared: it is made from the request", doc.Brief(name))
		case by[canonical] != "":
			s.Src.FailAt(s.At(name), "%s and %s are the same header", doc.Brief(by[canonical]), doc.Brief(name))
		case strings.ContainsAny(value, "\r\n\x00"):
			s.Fail(name, "has a line break, which would begin another header: write it on one line")
		case looseReference.MatchString(value):
			s.Fail(name, "has a reference behind other text, which would be sent as it is written: put the whole value, that text included, into the secret")
		}
		by[canonical] = name
		headers[name] = value
	}
	return headers
}

func (t *Task) readEmail(o doc.Section, v variables) {
	s := o.Sub("email", "to", "cc", "reply_to", "subject", "text", "html")
	s.Require("to", "subject")
	m := &EmailTask{To: v.text(s, "to"), CC: v.text(s, "cc"), ReplyTo: v.text(s, "reply_to"), Subject: v.text(s, "subject")}
	m.Text, m.HTML = v.text(s, "text"), v.text(s, "html")
	if s.Values != nil && !s.Has("text") && !s.Has("html") && !s.Misspelt["text"] && !s.Misspelt["html"] {
		o.Fail("email", "has neither `text` nor `html`: write what the message says")
	}
	for _, key := range []string{"to", "cc", "reply_to", "subject"} {
		checkHeaderText(s, key)
	}
	t.Email = m
}

// checkHeaderText checks what becomes a header of a message. Addresses with values are known when a task is executed.
func checkHeaderText(s doc.Section, key string) {
	n := s.Values[key]
	if n == nil || !isText(n) {
		return
	}
	text := strings.TrimRight(n.Value, "\n") // of a block
	if strings.ContainsAny(text, "\r\n\x00") {
		s.Fail(key, "has a line break, which would begin another header: write it on one line")
		return
	}
	if key == "subject" || text == "" || strings.Contains(text, "{{") || IsReference(text) {
		return
	}
	if _, err := mail.ParseAddressList(text); err != nil {
		s.Fail(key, "is %s, which is not an address: write it as in anna@example.com or \"Anna <anna@example.com>\"", doc.Brief(text))
	}
}
