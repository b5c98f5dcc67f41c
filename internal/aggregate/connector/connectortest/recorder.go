// A delivery that keeps what it receives.

package connectortest

import (
	"context"
	"encoding/json"
	"fmt"

	"bursar/internal/aggregate/connector"
)

// Recorder is a connector.Delivery that keeps everything.
type Recorder struct {
	Documents map[string]string
	Names     []string // of documents, in their order
	Reports   []connector.Changes
	Lines     []string // records and states, in their order
	Err       error    // is returned by every method
}

// Document implements connector.Delivery.
func (r *Recorder) Document(_ context.Context, name string, content []byte) error {
	if r.Documents == nil {
		r.Documents = map[string]string{}
	}
	r.Documents[name] = string(content)
	r.Names = append(r.Names, name)
	return r.Err
}

// Changes implements connector.Delivery.
func (r *Recorder) Changes(_ context.Context, c *connector.Changes) error {
	r.Reports = append(r.Reports, *c)
	return r.Err
}

// Records implements connector.Delivery.
func (r *Recorder) Records(_ context.Context, stream string, lines []byte) error {
	r.Lines = append(r.Lines, stream+": "+string(lines))
	return r.Err
}

// State implements connector.Delivery.
func (r *Recorder) State(_ context.Context, state []byte) error {
	r.Lines = append(r.Lines, "state: "+string(state))
	return r.Err
}

// parts is how many parts were delivered.
func (r *Recorder) parts() int { return len(r.Names) + len(r.Reports) + len(r.Lines) }

// String returns everything that was delivered, for comparisons.
func (r *Recorder) String() string {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}
