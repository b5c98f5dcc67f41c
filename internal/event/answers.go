// Remembers the answers to requests with an idempotency key, so that a repeated request gets the same answer.

package event

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// AnswerRetention is how long the answer to a request with a key is kept after its batch is sealed. Within that time the same request gets the
// same answer; later its rows are checked again and are duplicates.
const AnswerRetention = 24 * time.Hour

// ErrKeyReused says that a key was used before with another body. Class Data.
var ErrKeyReused = failure.Wrap(failure.Data, errors.New("the idempotency key was used before for a request with another body"))

// storedAnswer is an answer in the catalog.
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

// putAnswers writes the batch's answers and deletes some expired ones.
func (w *batchWriter) putAnswers(tx catalog.Tx) error {
	if len(w.keyedRequests) == 0 {
		return nil
	}
	list := answerList{At: w.batch.Sealed}
	for _, p := range w.keyedRequests {
		hashed := hashKey(p.key)
		list.Keys = append(list.Keys, hashed)
		r := storedAnswer{Spool: w.spool, At: w.batch.Sealed, Digest: p.digest, Answer: p.answer}
		if err := tx.Put(answerKey(w.stream.Name, hashed), r); err != nil {
			return err
		}
	}
	if err := tx.Put(fmt.Sprintf("%s%08d", answersPrefix(w.stream.Name), w.spool), list); err != nil {
		return err
	}
	return w.expireAnswers(tx)
}

// expireAnswers deletes the expired answers of a few batches. It deletes more lists than a batch adds, so that they do not accumulate.
func (w *batchWriter) expireAnswers(tx catalog.Tx) error {
	var old []string
	before := w.batch.Sealed.Add(-AnswerRetention)
	err := tx.List(answersPrefix(w.stream.Name), func(key string, value json.RawMessage) error {
		var list answerList
		if err := json.Unmarshal(value, &list); err != nil {
			return err
		}
		if len(old) == 4 || !list.At.Before(before) {
			return failure.ErrStop
		}
		old = append(old, key)
		return w.deleteAnswers(tx, list.Keys, before)
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

// deleteAnswers deletes answers, except those whose key was used again later.
func (w *batchWriter) deleteAnswers(tx catalog.Tx, keys []string, before time.Time) error {
	for _, hashed := range keys {
		key := answerKey(w.stream.Name, hashed)
		var r storedAnswer
		found, err := tx.Get(key, &r)
		if err == nil && found && r.At.Before(before) {
			err = tx.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteSpoolAnswers deletes the answers to all requests of a spool.
func deleteSpoolAnswers(tx catalog.Tx, stream string, spool uint64) error {
	var list answerList
	key := fmt.Sprintf("%s%08d", answersPrefix(stream), spool)
	if found, err := tx.Get(key, &list); err != nil || !found {
		return err
	}
	for _, hashed := range list.Keys {
		var r storedAnswer
		found, err := tx.Get(answerKey(stream, hashed), &r)
		if err == nil && found && r.Spool == spool {
			err = tx.Delete(answerKey(stream, hashed))
		}
		if err != nil {
			return err
		}
	}
	return tx.Delete(key)
}

// earlierAnswer looks up the answer to an earlier request with the same key.
func (l *LiveIntake) earlierAnswer(ctx context.Context, p *pendingRequest) (answer Answer, found bool, err error) {
	var r storedAnswer
	err = l.in.Catalog.View(ctx, func(tx catalog.Tx) error {
		found, err = tx.Get(answerKey(l.stream.Name, hashKey(p.key)), &r)
		return err
	})
	switch {
	case err != nil:
		return Answer{}, false, fmt.Errorf("look for an earlier answer: %w", err)
	case !found || r.At.Before(l.in.Now().Add(-AnswerRetention)):
		return Answer{}, false, nil
	case r.Digest != p.digest:
		return Answer{}, false, ErrKeyReused
	}
	r.Answer.Repeated = true
	return r.Answer, true, nil
}

// pendingKeys holds the requests with keys that are in progress or whose batch is not sealed yet.
type pendingKeys struct {
	mu    sync.Mutex
	byKey map[string]*pendingRequest
}

// claim registers a request. It returns the request that already has the key, or nil.
func (k *pendingKeys) claim(p *pendingRequest) *pendingRequest {
	k.mu.Lock()
	defer k.mu.Unlock()
	if first := k.byKey[p.key]; first != nil {
		return first
	}
	if k.byKey == nil {
		k.byKey = map[string]*pendingRequest{}
	}
	k.byKey[p.key] = p
	return nil
}

// drop removes requests that failed or whose answers are in the catalog.
func (k *pendingKeys) drop(requests ...*pendingRequest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range requests {
		if k.byKey[p.key] == p {
			delete(k.byKey, p.key)
		}
	}
}

// dropDone removes answered requests: after a recovery their answers are in the catalog.
func (k *pendingKeys) dropDone() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, p := range k.byKey {
		if p.isDone() {
			delete(k.byKey, key)
		}
	}
}
