// What one publication did, as counts and references.

package publish

import "time"

// Result counts what one publication did.
type Result struct {
	Table      string     `json:"table"`
	Source     string     `json:"source"` // the stream or the pipeline
	Generation uint64     `json:"generation,omitempty"`
	From       uint64     `json:"after"`   // batches or runs above From
	To         uint64     `json:"through"` // up to To were added
	Rows       int64      `json:"rows"`    // that were added
	Removed    int64      `json:"removed"`
	Replaced   bool       `json:"replaced,omitempty"` // the table was made from the beginning
	Watermark  *time.Time `json:"watermark"`          // everything received before it is in the table
	Seconds    float64    `json:"seconds"`
	More       bool       `json:"more,omitempty"` // there is another group to publish
}
