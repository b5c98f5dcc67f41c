// What connectors read from logins and requests: credentials, numbers among the settings, and the windows of an interval.

package connector

import (
	"fmt"
	"strconv"
	"time"

	"bursar/internal/failure"
	"bursar/internal/vault"
)

// Credential returns a credential, or an error of class Data that names it if it is missing or empty.
func (l *Login) Credential(name string) (vault.Secret, error) {
	c := l.Credentials[name]
	if c.Reveal() == "" {
		return c, failure.Wrap(failure.Data, fmt.Errorf("log in: the credential %s is missing; add it to the account's credentials", name))
	}
	return c, nil
}

// Required returns a setting, or an error of class Data that names it if it is missing or empty.
func (l *Login) Required(name string) (string, error) {
	if l.Settings[name] == "" {
		return "", failure.Wrap(failure.Data, fmt.Errorf("log in: the setting %s is missing; add it to the institution's settings", name))
	}
	return l.Settings[name], nil
}

// Number returns a setting that is a number of 1 to most, or fallback if it is not set.
func (l *Login) Number(name string, fallback, most int) (int, error) {
	text := l.Settings[name]
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, failure.Wrap(failure.Data, fmt.Errorf("log in: the setting %s is %q; set a number of 1 to %d", name, text, most))
	}
	return n, nil
}

// Window is a part of an interval: days, both included.
type Window struct{ From, To time.Time }

// Windows divides the interval of a request into windows of so many days, the earliest first. The last one may be shorter: the others stay the same
// from day to day. There is at least one: that of today.
func (r *Request) Windows(days int) []Window {
	from, today := r.interval()
	return divide(from, from.AddDate(0, 0, days), today, days)
}

// RecentWindows is like Windows, but the first one may be shorter: the last one has everything that was made in the days before today.
func (r *Request) RecentWindows(days int) []Window {
	from, today := r.interval()
	total := int(today.Sub(from)/(24*time.Hour)) + 1
	return divide(from, from.AddDate(0, 0, (total-1)%days+1), today, days)
}

func (r *Request) interval() (from, today time.Time) {
	today = r.Today.UTC().Truncate(24 * time.Hour)
	from = r.From.UTC().Truncate(24 * time.Hour)
	if r.From.IsZero() || from.After(today) {
		from = today
	}
	return from, today
}

// divide returns windows of so many days, the second of which begins at next.
func divide(from, next, today time.Time, days int) []Window {
	var windows []Window
	for !from.After(today) {
		to := next.AddDate(0, 0, -1)
		if to.After(today) {
			to = today
		}
		windows = append(windows, Window{from, to})
		from, next = next, next.AddDate(0, 0, days)
	}
	return windows
}

// Report calls Progress, if the request has it.
func (r *Request) Report(done, total int) {
	if r.Progress != nil {
		r.Progress(done, total)
	}
}
