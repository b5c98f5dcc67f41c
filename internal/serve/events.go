// The handler that accepts events: a body of JSON lines, acknowledged once it is durable.

package serve

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
)

const maxKeyBytes = 255

var (
	errEmpty     = refuse(http.StatusBadRequest, "the body contains no events", "send one JSON object per line")
	errKey       = refuse(http.StatusBadRequest, "the Idempotency-Key is too long or contains characters other than visible ASCII", "use at most 255 characters, such as a UUID")
	errKeyReused = refuse(http.StatusUnprocessableEntity, answers.ErrKeyReused.Error(), "use a new Idempotency-Key for other events")
)

func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	key := r.Header.Get("Idempotency-Key")
	if !isValidKey(key) || len(r.Header.Values("Idempotency-Key")) > 1 {
		return errKey
	}
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // only writers of tests do not support deadlines
	body, release, err := s.readBody(rc, r)
	defer release()
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return errEmpty
	}
	stream := r.PathValue("stream")
	answer, err := s.options.Project.Accept(r.Context(), stream, live.Request{Key: key, Body: body})
	if errors.Is(err, answers.ErrKeyReused) {
		return errKeyReused
	}
	if err != nil {
		return err
	}
	if !answer.Repeated {
		s.metrics.countEvents(stream, &answer)
	}
	_ = rc.SetWriteDeadline(time.Now().Add(responseTimeout))
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func isValidKey(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return len(key) <= maxKeyBytes
}
