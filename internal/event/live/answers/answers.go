// Package answers stores the answers to requests with an idempotency key for 24 hours, so that a repeated request gets the same answer.
// They are catalog documents, written in the transaction that seals the requests' batch and deleted when that batch is retracted.
package answers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Retention is how long the answer to a request with a key is kept after its batch is sealed. Within that time the same request gets the
// same answer; later its rows are checked again and are duplicates.
const Retention = 24 * time.Hour

// ErrKeyReused says that a key was used before with another body. Class Data.
var ErrKeyReused = failure.Wrap(failure.Data, errors.New("the idempotency key was used before for a request with another body"))

type storedAnswer struct {
	Spool  uint64    `json:"spool"`
	At     time.Time `json:"at"`
	Digest string    `json:"digest"` // of the request's body
	Answer Answer    `json:"answer"`
}

// answerList lists the answers of a spool's batch, so that they can be deleted.
type answerList struct {
	At   time.Time `json:"at"`
	Keys []string  `json:"keys"`
}

// answerKey names a document by a digest, because senders choose the keys, which may contain anything.
func answerKey(stream, hashed string) string { return "answer/" + stream + "/" + hashed }

func hashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

func answersPrefix(stream string) string { return "answers/" + stream + "/" }

func listKey(stream string, spool uint64) string {
	return fmt.Sprintf("%s%08d", answersPrefix(stream), spool)
}

// Keyed is the answer to a request with a key.
type Keyed struct {
	Key    string
	Digest string // of the request's body
	Answer Answer
}

// Put writes the answers to a batch's requests and deletes some expired ones.
func Put(tx catalog.Tx, stream string, spool uint64, sealed time.Time, answers []Keyed) error {
	if len(answers) == 0 {
		return nil
	}
	list := answerList{At: sealed}
	for _, a := range answers {
		hashed := hashKey(a.Key)
		list.Keys = append(list.Keys, hashed)
		r := storedAnswer{Spool: spool, At: sealed, Digest: a.Digest, Answer: a.Answer}
		if err := tx.Put(answerKey(stream, hashed), r); err != nil {
			return err
		}
	}
	if err := tx.Put(listKey(stream, spool), list); err != nil {
		return err
	}
	return expireAnswers(tx, stream, sealed.Add(-Retention))
}

// expireAnswers deletes the answers of a few batches that were sealed before a time. It deletes more lists than a batch adds, so that they do not
// accumulate.
func expireAnswers(tx catalog.Tx, stream string, before time.Time) error {
	var old []string
	err := tx.List(answersPrefix(stream), func(key string, value json.RawMessage) error {
		var list answerList
		if err := json.Unmarshal(value, &list); err != nil {
			return err
		}
		if len(old) == 4 || !list.At.Before(before) {
			return failure.ErrStop
		}
		old = append(old, key)
		return deleteAnswers(tx, stream, list.Keys, func(r *storedAnswer) bool { return r.At.Before(before) })
	})
	if err := failure.UnlessStopped(err); err != nil {
		return err
	}
	for _, key := range old {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// deleteAnswers deletes those answers that fit: a key may have been used again later.
func deleteAnswers(tx catalog.Tx, stream string, keys []string, fits func(*storedAnswer) bool) error {
	for _, hashed := range keys {
		key := answerKey(stream, hashed)
		var r storedAnswer
		found, err := tx.Get(key, &r)
		if err == nil && found && fits(&r) {
			err = tx.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteOfSpool deletes the answers to all requests of a spool.
func DeleteOfSpool(tx catalog.Tx, stream string, spool uint64) error {
	var list answerList
	if found, err := tx.Get(listKey(stream, spool), &list); err != nil || !found {
		return err
	}
	if err := deleteAnswers(tx, stream, list.Keys, func(r *storedAnswer) bool { return r.Spool == spool }); err != nil {
		return err
	}
	return tx.Delete(listKey(stream, spool))
}

// Find looks up the answer to an earlier request with a key. Its body must have had the same digest.
func Find(ctx context.Context, c catalog.Catalog, stream, key, digest string, now time.Time) (answer Answer, found bool, err error) {
	var r storedAnswer
	err = c.View(ctx, func(tx catalog.Tx) error {
		found, err = tx.Get(answerKey(stream, hashKey(key)), &r)
		return err
	})
	switch {
	case err != nil:
		return Answer{}, false, fmt.Errorf("look for an earlier answer: %w", err)
	case !found || r.At.Before(now.Add(-Retention)):
		return Answer{}, false, nil
	case r.Digest != digest:
		return Answer{}, false, ErrKeyReused
	}
	r.Answer.Repeated = true
	return r.Answer, true, nil
}

// Answer reports what happened to a request's rows: Rows = Accepted + Duplicates + Quarantined.
type Answer struct {
	Stream      string        `json:"stream"`
	Rows        int64         `json:"rows"`
	Accepted    int64         `json:"accepted"`
	Duplicates  int64         `json:"duplicates"`
	Quarantined int64         `json:"quarantined"`
	Rejected    []RejectedRow `json:"rejected"` // the first MaxRejectedRows rows in quarantine, by row
	Repeated    bool          `json:"repeated"` // the answer is that of an earlier request with the same key
}

// RejectedRow says why a row is in quarantine.
type RejectedRow struct {
	Row    int64  `json:"row"` // 1-based line in the request
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
}

// MaxRejectedRows is how many rejected rows an answer lists.
const MaxRejectedRows = 1000
