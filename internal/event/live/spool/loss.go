// Losses: damaged spools are kept, with a report of what is missing, until somebody dismisses them.

package spool

import (
	"encoding/json"
	"fmt"
	"time"
)

// Loss reports that acknowledged requests may be lost with a spool.
type Loss struct {
	Stream    string    `json:"stream"`
	Spool     uint64    `json:"spool"`
	Opening   string    `json:"opening,omitempty"`
	Found     time.Time `json:"found"`
	Reason    string    `json:"reason"`
	Recovered int64     `json:"taken"`          // complete requests, which are ingested
	KeptAs    string    `json:"kept,omitempty"` // the copy of the damaged spool; empty if there is none
}

func (l Loss) String() string {
	text := fmt.Sprintf("spool %d of %s is damaged: %s; complete requests of it that are ingested: %d", l.Spool, l.Stream, l.Reason, l.Recovered)
	if l.KeptAs != "" {
		text += ", the spool is kept as " + l.KeptAs
	}
	return text + "; let the senders repeat their requests of that time, then run `bursar repair --dismiss`"
}

func (l *Loss) id() ID { return ID{l.Spool, l.Opening} }

// decodeLoss decodes a report that was read with an error or without.
func decodeLoss(text []byte, err error, stream string, id ID) (l Loss) {
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		return Loss{Stream: stream, Spool: id.Number, Opening: id.Opening, Reason: "its report cannot be read"}
	}
	return l
}
