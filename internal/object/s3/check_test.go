// Tests of the check of a bucket.

package s3

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/object/s3/s3test"
)

// editing changes requests, or answers them with a refusal if edit returns false.
type editing struct {
	inner client
	edit  func(r *http.Request) bool
}

func (e *editing) Do(r *http.Request) (*http.Response, error) {
	if !e.edit(r) {
		return synthetic(r, http.StatusForbidden), nil
	}
	return e.inner.Do(r)
}

func edited(edit func(r *http.Request) bool) tuning {
	t := fast
	t.wrap = func(inner client) client { return &editing{inner, edit} }
	return t
}

// rights lists the rights of a result, those that are missing with a minus.
func rights(r CheckResult) string {
	var all []string
	for _, right := range r.Rights {
		if right.Err != nil {
			right.Name = "-" + right.Name
		}
		all = append(all, right.Name)
	}
	return strings.Join(all, ", ")
}

const allRights = "list, put, create new, get, range, delete"

// checkWhole checks a server where nothing is missing.
func checkWhole(t *testing.T, config Config, server string) {
	t.Helper()
	r, err := Check(t.Context(), config)
	if err != nil || rights(r) != allRights || r.RoundTrip <= 0 || !strings.Contains(r.Server, server) || r.Place != "bucket bucket at "+config.Endpoint {
		t.Errorf("%+v, %v", r, err)
	}
	whole := config
	whole.Prefix = ""
	page, err := mustOpen(t, whole, fast).page(t.Context(), config.Prefix+"/"+probeFolder, nil, 10)
	if err != nil || len(page.Contents) != 0 {
		t.Errorf("%d probe objects are left, %v", len(page.Contents), err)
	}
}

func TestCheckMissingRights(t *testing.T) {
	t.Parallel()
	_, config := backend(t, s3test.Versitygw)
	for want, refuses := range map[string]func(r *http.Request) bool{
		"-list":              func(r *http.Request) bool { return r.URL.Query().Has("list-type") },
		"list, -put, delete": func(r *http.Request) bool { return r.Method == http.MethodPut },
		"list, put, create new, -get, -range, delete": func(r *http.Request) bool { return r.Method == http.MethodGet && !r.URL.Query().Has("list-type") },
		"list, put, create new, get, range, -delete":  func(r *http.Request) bool { return r.Method == http.MethodDelete },
		allRights: func(*http.Request) bool { return false },
	} {
		s, err := newStore(t.Context(), config, edited(func(r *http.Request) bool { return !refuses(r) }))
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Check(t.Context())
		if rights(r) != want || (err != nil) != strings.Contains(want, "-") {
			t.Errorf("%s, %v, want %s", rights(r), err, want)
		}
		if err != nil && (failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "; give these credentials s3:ListBucket")) {
			t.Errorf("%v (%s)", err, failure.Of(err))
		}
	}
}

// checkWithoutConditions has a server that overwrites what must not be overwritten. It must not check signatures.
func checkWithoutConditions(t *testing.T, config Config) {
	t.Helper()
	s := mustOpen(t, config, edited(func(r *http.Request) bool { r.Header.Del("If-None-Match"); return true }))
	r, err := s.Check(t.Context())
	if rights(r) != "list, put, -create new, -get, -range, delete" || !errors.Is(err, errNoConditions) {
		t.Errorf("%s, %v", rights(r), err)
	}
}
