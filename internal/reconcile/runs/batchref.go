// How the batches of runs are named.

package runs

import (
	"encoding/json"
	"maps"

	"bursar/internal/fold"
)

// BatchRef names a batch of a run. Stream is empty if the pipeline folds only one stream.
type BatchRef struct {
	Stream string `json:"stream"`
	Batch  uint64 `json:"batch"`
}

// MarshalJSON writes a batch of the only stream as a number.
func (r BatchRef) MarshalJSON() ([]byte, error) {
	if r.Stream == "" {
		return json.Marshal(r.Batch)
	}
	type plain BatchRef
	return json.Marshal(plain(r))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *BatchRef) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] != '{' {
		return json.Unmarshal(text, &r.Batch)
	}
	type plain BatchRef
	return json.Unmarshal(text, (*plain)(r))
}

// StreamNumbers holds a number for each stream, of its last batch or retraction. Streams are named as in BatchRef.
type StreamNumbers map[string]uint64

// MarshalJSON writes the number of the only stream as a plain number, and an empty map as 0.
func (t StreamNumbers) MarshalJSON() ([]byte, error) {
	if n, only := t[""]; only || len(t) == 0 {
		return json.Marshal(n)
	}
	return json.Marshal(map[string]uint64(t))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *StreamNumbers) UnmarshalJSON(text []byte) error {
	*t = StreamNumbers{}
	if len(text) > 0 && text[0] == '{' {
		return json.Unmarshal(text, (*map[string]uint64)(t))
	}
	var n uint64
	if err := json.Unmarshal(text, &n); err != nil || n == 0 {
		return err
	}
	(*t)[""] = n
	return nil
}

// Before returns the numbers as they were before runs included these batches.
func (t StreamNumbers) Before(batches []BatchRef) StreamNumbers {
	out := maps.Clone(t)
	for _, b := range batches {
		out[b.Stream] = min(out[b.Stream], b.Batch-1)
	}
	return out
}

// refName is the name of a stream in BatchRef and StreamNumbers.
func refName(plan *fold.Plan, stream string) string {
	if plan.Events.Several() {
		return stream
	}
	return ""
}
