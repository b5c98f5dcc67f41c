// Reads how the accounts of an institution are fetched.

package project

import (
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bursar/internal/project/doc"
)

// The defaults of connections, and their limits.
const (
	requestTimeout  = 30 * time.Second
	longestRequest  = 10 * time.Minute
	defaultRequests = 60
	maxRequests     = 1_000_000
	defaultSessions = 4
	maxSessions     = 1000
	defaultDay      = 4
	maxDay          = 100_000_000
	defaultReserve  = 10
	maxReserve      = 90
	defaultEvery    = 6 * time.Hour
	minEvery        = time.Minute
	defaultSince    = 90 * 24 * time.Hour
	maxSince        = 20 * 366 * 24 * time.Hour
	defaultFailures = 5
	defaultAnswer   = 10 * time.Minute
	maxWaits        = 7 * 24 * time.Hour
)

// neverRefreshed is the interval of accounts that are fetched only when a person asks for it.
const neverRefreshed = "never"

// connectionKeys are the keys of an institution that say how its accounts are fetched.
var connectionKeys = []string{"connector", "limits", "refresh", "breaker", "login"}

// readConnection reads how accounts are fetched; nil if the institution has no connector.
func readConnection(o doc.Section) *Connection {
	if !o.Has("connector") {
		for _, key := range connectionKeys[1:] {
			if o.Has(key) && !o.Misspelt["connector"] {
				o.Fail(key, "belongs to `connector`, which is missing: it says how the accounts are fetched")
			}
		}
		return nil
	}
	c := &Connection{Settings: map[string]string{}}
	c.readConnector(o)
	c.readLimits(o)
	s := o.Sub("refresh", "every", "since")
	if every := s.Values["every"]; every == nil || every.Value != neverRefreshed {
		c.Refresh.Every = readTime(s, "every", defaultEvery, minEvery, maxAge, "never, or a time from 1m to 8784h such as 30m or 6h")
	}
	c.Refresh.Since = readTime(s, "since", defaultSince, 24*time.Hour, maxSince, "a time from 24h such as 90d or 2160h")
	b := o.Sub("breaker", "failures", "wait", "longest")
	c.Breaker.Failures = int(b.Number("failures", defaultFailures, 1, maxSessions))
	c.Breaker.Wait = readTime(b, "wait", time.Minute, time.Second, maxWait, "a time from 1s to 1h such as 1m")
	c.Breaker.Longest = readTime(b, "longest", max(30*time.Minute, c.Breaker.Wait), c.Breaker.Wait, 24*time.Hour, "a time from `wait` to 24h such as 30m")
	l := o.Sub("login", "answer_within", "credentials_within")
	c.Login.Answer = readTime(l, "answer_within", defaultAnswer, time.Second, maxWaits, "a time from 1s to 168h such as 10m")
	c.Login.Credentials = readTime(l, "credentials_within", time.Hour, time.Second, maxWaits, "a time from 1s to 168h such as 1h")
	return c
}

// readConnector reads `connector`: its kind, and the keys of that kind.
func (c *Connection) readConnector(o doc.Section) {
	kinds := ConnectorKinds()
	all := []string{"kind", "ca", "timeout"}
	for _, kind := range kinds {
		all = append(append(all, connectorKeys[kind].required...), connectorKeys[kind].optional...)
	}
	s := o.Sub("connector", slices.Compact(slices.Sorted(slices.Values(all)))...)
	if s.Values == nil {
		return
	}
	s.Require("kind")
	if c.Kind = s.OneOf("kind", kinds...); c.Kind == "" {
		return
	}
	keys := connectorKeys[c.Kind]
	s.Require(keys.required...)
	for _, key := range s.Keys {
		isOf := slices.Contains(keys.required, key) || slices.Contains(keys.optional, key)
		switch {
		case key == "kind":
		case (key == "ca" || key == "timeout") && keys.remote:
		case !isOf:
			s.Fail(key, "does not belong to a connector of the kind %s", c.Kind)
		case key != "command" && key != "streams" && key != "env":
			c.Settings[key] = s.Expression(key) // numbers are texts here
			checkReference(s, key, c.Settings[key])
		}
	}
	c.Timeout = readTime(s, "timeout", requestTimeout, time.Second, longestRequest, "a time from 1s to 10m such as 30s")
	if c.CA = s.Text("ca"); c.CA != "" && !filepath.IsLocal(c.CA) {
		s.Fail("ca", "must be a file of the project folder, such as certificates/bank.pem")
	}
	c.checkURL(s)
	c.readProgram(s)
}

// checkURL reports a URL through which credentials would be sent in the clear, or that contains some.
func (c *Connection) checkURL(s doc.Section) {
	text := c.Settings["url"]
	if text == "" || IsReference(text) {
		return
	}
	u, err := url.Parse(text)
	isFiles := c.Kind == FilesConnector
	switch {
	case isFiles && (err != nil || u.Scheme != "" && u.Scheme != "sftp"):
		s.Fail("url", "must be a folder, or sftp://HOST/FOLDER")
	case !isFiles && (err != nil || u.Scheme != "https" || u.Host == ""):
		s.Fail("url", "must be a URL that begins with https://: credentials are sent to it")
	case u.User != nil:
		s.Fail("url", "contains a user or a password: give them with the account, as references to the vault")
	}
}

// readProgram reads the keys of programs.
func (c *Connection) readProgram(s doc.Section) {
	if c.Kind != ExecConnector {
		return
	}
	c.Command = readArguments(s, "command")
	streams := s.Sub("streams")
	c.Streams = map[string]string{}
	for _, name := range streams.Keys {
		c.Streams[name] = streams.Text(name)
	}
	if s.Has("streams") && len(streams.Keys) == 0 && streams.Values != nil {
		s.Fail("streams", "is empty: list the program's streams, each with the stream of the project that it fills")
	}
	env := s.Sub("env")
	for _, name := range env.Keys {
		if !variableName.MatchString(name) || strings.HasPrefix(name, ownVariables) {
			env.Src.FailAt(env.At(name), "%s is not a valid name of an environment variable: use letters, digits and _, and not %s at the beginning", doc.Brief(name), ownVariables)
			continue
		}
		if c.Env == nil {
			c.Env = map[string]string{}
		}
		c.Env[name] = env.Text(name)
		checkReference(env, name, c.Env[name])
	}
}

func (c *Connection) readLimits(o doc.Section) {
	s := o.Sub("limits", "requests", "per", "sessions", "account_day", "day", "reserve")
	l := &c.Limits
	l.Requests = int(s.Number("requests", defaultRequests, 2, maxRequests))
	l.Per = readTime(s, "per", time.Minute, time.Second, time.Hour, "a time from 1s to 1h such as 1m")
	l.Sessions = int(s.Number("sessions", min(defaultSessions, int64(l.Requests)-1), 1, maxSessions))
	l.AccountDay = int(s.Number("account_day", defaultDay, 1, maxDay))
	l.Day = int(s.Number("day", 0, 1, maxDay))
	l.Reserve = int(s.Number("reserve", defaultReserve, 0, maxReserve))
	if l.Requests <= l.Sessions {
		s.Fail("requests", "must be more than the %d `sessions`, each of which sends at least one", l.Sessions)
	}
}

// checkConnections rejects streams of programs that are not declared, or in which what is sent again would count again.
func (p *Project) checkConnections() []doc.Error {
	var errs []doc.Error
	for _, i := range p.Institutions {
		if i.Connection == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(i.Connection.Streams)) {
			path, target := "connector.streams."+name, i.Connection.Streams[name]
			s := find(p.Streams, func(s *Stream) bool { return s.Name == target })
			switch {
			case s == nil:
				errs = append(errs, doc.Error{File: i.File, Line: i.lines.At(path), Message: "stream " + doc.Brief(target) + " is not declared" + doc.DidYouMean(target, namesOf(p.Streams, streamName))})
			case s.DerivedID():
				errs = append(errs, doc.Error{File: i.File, Line: i.lines.At(path), Message: "stream " + target + " has the id " + s.ID[0] +
					": a program sends records again after it was interrupted, and they would count again; declare columns that identify an event"})
			}
		}
	}
	return errs
}
