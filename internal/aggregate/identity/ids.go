// Ids of events that follow from other ids.

package identity

import (
	"encoding/hex"
	"strconv"
)

// CancelID is the id of the event that cancels another.
func CancelID(id string) string { return Of("taken back", id).String() }

// CorrectedID is the id of the event that cancels a corrected entry. It differs from cancelID: an entry with the same
// content is the same entry, and stays cancelled.
func CorrectedID(id string) string { return Of("corrected", id).String() }

// RestoredID is the id of the event that restores a cancelled one. The event itself has no takes_back, so that
// pipelines that count entries count it.
func RestoredID(id string) string { return Of("counts again", id).String() }

// Decode decodes the id at a position of a row that was written here.
func Decode(line []byte, at int) (d Digest) {
	_, _ = hex.Decode(d[:], line[at:at+2*len(d)]) // this program wrote it
	return d
}

// DetailID is the id of the n-th detail of an entry, from 1.
func DetailID(entry Digest, n int64) Digest {
	return Of("detail", string(entry[:]), strconv.FormatInt(n, 10))
}

// SlotID is the id under which the n-th entry of a base, or of a cut name, is kept in the stream of names, from 1.
func SlotID(base Digest, n int) Digest { return Nth(Of("slot", string(base[:])), uint32(n)) }
