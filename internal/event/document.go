// Catalog documents of batches and files: their keys, and how they are written.

package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"bursar/internal/catalog"
)

// kind is a kind of documents of a stream, with which their keys begin.
type kind string

const (
	batchKind      kind = "batch"
	fileKind       kind = "filenumber"
	rejectedKind   kind = "rejected" // batches whose quarantine was not retried yet
	retriedKind    kind = "retried"  // batches whose quarantine was retried
	totalsKind     kind = "totals"   // that were computed after the seal
	retractionKind kind = "retraction"
	dismissedKind  kind = "dismissed"
	givenUpKind    kind = "givenup"
)

// prefix begins the keys of all of them.
func (k kind) prefix(stream string) string { return string(k) + "/" + stream + "/" }

// key is the key of the one that a number names, or begins it.
func (k kind) key(stream string, number uint64) string {
	return fmt.Sprintf("%s%08d", k.prefix(stream), number)
}

func streamKey(stream string) string { return "stream/" + stream }

func fileKey(stream, digest string) string { return "file/" + stream + "/" + digest }

func fileSizeKey(stream string, size int64) string {
	return fmt.Sprintf("filesize/%s/%d", stream, size)
}

// BatchesPrefix begins the names of the objects of a stream's batches.
func BatchesPrefix(stream string) string { return "streams/" + stream + "/batches/" }

// BatchPrefix begins the names of a batch's objects.
func BatchPrefix(stream string, batch uint64) string {
	return fmt.Sprintf("%s%08d/", BatchesPrefix(stream), batch)
}

// IDsObject is the name of a batch's table of the dedupe index, below the prefix of its attempt.
const IDsObject = "ids"

// WatchBatches returns a channel that receives after any process has sealed a batch of the stream, as catalog.Watcher describes.
func WatchBatches(ctx context.Context, c catalog.Watcher, stream string) <-chan struct{} {
	return c.Watch(ctx, batchKind.prefix(stream))
}

// WatchAll returns a channel that receives after any process has sealed, retracted or given up something of any stream, as catalog.Watcher
// describes.
func WatchAll(ctx context.Context, c catalog.Watcher) <-chan struct{} {
	return c.Watch(ctx, streamKey(""))
}

// FindBatch reads one batch within a transaction, if the catalog contains it.
func FindBatch(tx catalog.Tx, stream string, batch uint64) (b Batch, found bool, err error) {
	found, err = tx.Get(batchKind.key(stream, batch), &b)
	return b, found, err
}

// GetFile reads a file by its number within a transaction, if the catalog contains it.
func GetFile(tx catalog.Tx, stream string, number uint64) (f File, found bool, err error) {
	found, err = tx.Get(fileKind.key(stream, number), &f)
	return f, found, err
}

// FileOfDigest reads the first file with a digest, if the stream has ingested one.
func FileOfDigest(tx catalog.Tx, stream, digest string) (f File, found bool, err error) {
	found, err = tx.Get(fileKey(stream, digest), &f)
	return f, found, err
}

// HasFileSize reports whether the stream has ingested a file of a size.
func HasFileSize(tx catalog.Tx, stream string, size int64) (bool, error) {
	return tx.Get(fileSizeKey(stream, size), &struct{}{})
}

// FilesAfter returns the files numbered above after, in order.
func FilesAfter(tx catalog.Tx, stream string, after uint64) ([]File, error) {
	return catalog.All[File](tx, fileKind.prefix(stream), fileKind.key(stream, after))
}

// UnlistRejected removes a batch from the list of those whose quarantine was not retried yet.
func UnlistRejected(tx catalog.Tx, stream string, batch uint64) error {
	return tx.Delete(rejectedKind.key(stream, batch))
}

// retried marks a quarantine that a later batch has retried.
type retried struct {
	Batch uint64 `json:"batch"` // the batch that retried it; 0 if none was sealed because all rows were known. Earlier versions wrote the next number then
}

// PutBatch writes the batch, and lists it if it has rows in quarantine or was given up.
func PutBatch(tx catalog.Tx, b *Batch) error {
	if b.GivenUp != nil {
		if err := b.GivenUp.Put(tx); err != nil {
			return err
		}
	}
	if err := tx.Put(batchKind.key(b.Stream, b.Batch), b); err != nil || b.Quarantine == nil {
		return err
	}
	return tx.Put(rejectedKind.key(b.Stream, b.Batch), struct{}{})
}

// MarkRetried marks the quarantines that a batch retried. number is 0 if it was not sealed because all rows are known.
func MarkRetried(tx catalog.Tx, b *Batch, number uint64) error {
	for _, batch := range b.Retried {
		err := errors.Join(tx.Put(retriedKind.key(b.Stream, batch), retried{Batch: number}), UnlistRejected(tx, b.Stream, batch))
		if err != nil {
			return err
		}
	}
	return nil
}

// PutFile records a file by its number. It also records size and digest, unless the file was received in requests (it is never ingested as a
// file), an earlier file has the same digest, or it is broken (it must fail again).
func PutFile(tx catalog.Tx, stream string, f *File, received bool) error {
	if err := tx.Put(fileKind.key(stream, f.Number), f); err != nil || received || f.Broken || f.Again {
		return err
	}
	if err := tx.Put(fileSizeKey(stream, f.Bytes), struct{}{}); err != nil {
		return err
	}
	return tx.Put(fileKey(stream, f.Digest), f)
}

// FilesKnown reports whether all files of a batch are in the catalog.
func FilesKnown(tx catalog.Tx, b *Batch) (bool, error) {
	for _, f := range b.Files {
		keys := []string{fileKind.key(b.Stream, f.Number)}
		if f.Digest != "" && !f.Broken && !f.Again && b.Spool == 0 {
			keys = append(keys, fileKey(b.Stream, f.Digest), fileSizeKey(b.Stream, f.Bytes))
		}
		for _, key := range keys {
			if known, err := tx.Get(key, &struct{}{}); err != nil || !known {
				return false, err
			}
		}
	}
	return true, nil
}

// ReenterBatch writes a batch that the catalog counts and lacks.
func ReenterBatch(tx catalog.Tx, b *Batch) error {
	for i := range b.Files {
		f := &b.Files[i]
		if err := PutFile(tx, b.Stream, f, b.Spool != 0 || f.Digest == ""); err != nil {
			return err
		}
	}
	retriedLater, err := tx.Get(retriedKind.key(b.Stream, b.Batch), &retried{})
	if err != nil {
		return err
	}
	if err := errors.Join(PutBatch(tx, b), MarkRetried(tx, b, b.Batch)); err != nil || !retriedLater {
		return err
	}
	return UnlistRejected(tx, b.Stream, b.Batch)
}

// ForgetDigest deletes the digest of a file, so that its content is ingested when it comes again, unless an earlier file has the same digest.
func ForgetDigest(tx catalog.Tx, stream string, f *File) error {
	first, found, err := FileOfDigest(tx, stream, f.Digest)
	if err != nil || !found || first.Number != f.Number {
		return err
	}
	return tx.Delete(fileKey(stream, f.Digest))
}

// RestoreQuarantines reopens the quarantines that a batch retried.
func RestoreQuarantines(tx catalog.Tx, stream string, batch uint64) error {
	prefix := retriedKind.prefix(stream)
	return tx.List(prefix, func(key string, value json.RawMessage) error {
		var retry retried
		if err := json.Unmarshal(value, &retry); err != nil || retry.Batch != batch {
			return err
		}
		number, err := strconv.ParseUint(strings.TrimPrefix(key, prefix), 10, 64)
		if err != nil {
			return err
		}
		origin, found, err := FindBatch(tx, stream, number)
		if err != nil || !found || origin.Quarantine == nil {
			return err
		}
		return errors.Join(tx.Delete(key), tx.Put(rejectedKind.key(stream, number), struct{}{}))
	})
}

// EachRetry calls each, in order, for every sealed batch that retried a batch's quarantine, or what a retry rejected again. last is the batch whose
// quarantine contains the rest; 0 if all its rows are known.
func EachRetry(tx catalog.Tx, stream string, batch uint64, each func(*Batch)) (last uint64, err error) {
	for retry := (retried{batch}); ; {
		again, err := tx.Get(retriedKind.key(stream, retry.Batch), &retry)
		if err != nil || !again {
			return retry.Batch, err
		}
		b, found, err := FindBatch(tx, stream, retry.Batch)
		if err != nil || !found {
			return 0, err
		}
		each(&b)
	}
}
