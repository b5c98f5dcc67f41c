// The Retry-After header of HTTP, by which servers ask their callers to wait.

package failure

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// mostRetryAfter bounds what a server may ask for.
const mostRetryAfter = 24 * time.Hour

// ParseRetryAfter returns how long a server asks its caller to wait from now on, at most a day, by the value of its header Retry-After:
// seconds, or a date (RFC 9110, 10.2.3). It reports false if the value is neither.
func ParseRetryAfter(value string, now time.Time) (after time.Duration, known bool) {
	value = strings.TrimSpace(value)
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), mostRetryAfter), true
	}
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return 0, false
	}
	return time.Duration(min(seconds, uint64(mostRetryAfter/time.Second))) * time.Second, true
}
