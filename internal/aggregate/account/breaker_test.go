// What is recorded of institutions that do not work.

package account

import (
	"testing"
	"time"
)

func TestBreakerIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expect := func(want Breaker) {
		t.Helper()
		if b, err := w.Breaker(t.Context(), "acme"); err != nil || b != want {
			t.Errorf("%+v, %v; want %+v", b, err, want)
		}
	}
	set := func(b Breaker) {
		t.Helper()
		if err := w.SetBreaker(t.Context(), "acme", b); err != nil {
			t.Fatal(err)
		}
	}
	expect(Breaker{})
	until := begin.Add(time.Minute)
	set(Breaker{State: "open", Until: until, Failures: 3, Cause: "away"})
	expect(Breaker{State: "open", Since: begin, Until: until, Failures: 3, Cause: "away"})
	w.now = until
	set(Breaker{State: "half-open", Until: until.Add(time.Hour), Failures: 3}) // by another process, which has seen no failure
	expect(Breaker{State: "half-open", Since: begin, Until: until.Add(time.Hour), Failures: 3, Cause: "away"})
	set(Breaker{})
	expect(Breaker{})
	set(Breaker{State: "open", Until: until})
	expect(Breaker{State: "open", Since: until, Until: until})
}
