// Tests of Retry-After.

package failure_test

import (
	"testing"
	"time"

	"bursar/internal/failure"
)

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 6, 59, 0, 0, time.UTC)
	for _, c := range []struct {
		value string
		after time.Duration
		known bool
	}{
		{"", 0, false},
		{"soon", 0, false},
		{"-1", 0, false},
		{"1.5", 0, false},
		{"0", 0, true},
		{" 7 ", 7 * time.Second, true},
		{"999999999999999999", 24 * time.Hour, true},
		{"99999999999999999999999", 0, false},
		{"Wed, 25 Nov 2026 07:00:00 GMT", time.Minute, true},
		{"Wed, 25 Nov 2026 06:00:00 GMT", 0, true},
		{"Wed, 25 Nov 9026 07:00:00 GMT", 24 * time.Hour, true},
	} {
		if after, known := failure.ParseRetryAfter(c.value, now); after != c.after || known != c.known {
			t.Errorf("%q: %s, %v; want %s, %v", c.value, after, known, c.after, c.known)
		}
	}
}
