// Ids of events that follow from other ids.

package aggregate

import (
	"encoding/hex"
	"strconv"
)

// cancelID is the id of the event that cancels another.
func cancelID(id string) string { return digestOf("taken back", id).String() }

// correctedID is the id of the event that cancels a corrected entry. It differs from cancelID: an entry with the same
// content is the same entry, and stays cancelled.
func correctedID(id string) string { return digestOf("corrected", id).String() }

// restoredID is the id of the event that restores a cancelled one. The event itself has no takes_back, so that
// pipelines that count entries count it.
func restoredID(id string) string { return digestOf("counts again", id).String() }

// decodeDigest decodes the id at a position of a row that was written here.
func decodeDigest(line []byte, at int) (d digest) {
	_, _ = hex.Decode(d[:], line[at:at+2*len(d)]) // this program wrote it
	return d
}

// detailID is the id of the n-th detail of an entry, from 1.
func detailID(entry digest, n int64) digest {
	return digestOf("detail", string(entry[:]), strconv.FormatInt(n, 10))
}

// slotID is the id under which the n-th entry of a base, or of a cut name, is kept in the stream of names, from 1.
func slotID(base digest, n int) digest { return nth(digestOf("slot", string(base[:])), uint32(n)) }
