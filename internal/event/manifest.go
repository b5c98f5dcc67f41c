// Manifests and retractions as objects, from which a catalog without them can adopt them.

package event

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// A manifest is written after the catalog's transaction, never before. So a manifest that the catalog does not know belongs to a sealed batch, and
// the catalog is older than the objects.

const manifestFile = "manifest.json"

// ManifestName is the name of a batch's manifest.
func ManifestName(stream string, batch uint64) string {
	return BatchPrefix(stream, batch) + manifestFile
}

// checksumMember precedes the checksum, the last member of a manifest. The checksum covers everything before it.
const checksumMember = ",\n  \"checksum\": \""

// ErrNoChecksum is a manifest of a version that wrote no checksum.
var ErrNoChecksum = errors.New("it has no checksum")

func appendChecksum(body []byte) []byte {
	return fmt.Appendf(bytes.Clone(body), "%s%s\"\n}", checksumMember, column.Sum128(body))
}

// DecodeManifest decodes a manifest. One without a checksum is returned with ErrNoChecksum.
func DecodeManifest(text []byte) (b Batch, err error) {
	if err := json.Unmarshal(text, &b); err != nil {
		return b, fmt.Errorf("it is not a manifest: %w", err)
	}
	at := bytes.LastIndex(text, []byte(checksumMember))
	switch {
	case at < 0 && !bytes.Contains(text, []byte(`"declared":`)): // every manifest with a checksum has a declaration
		return b, ErrNoChecksum
	case at < 0 || !bytes.Equal(text, appendChecksum(text[:at])):
		return b, errors.New("its checksum does not match its content")
	}
	return b, nil
}

// ReadManifest reads a batch's manifest. One without a checksum is returned with ErrNoChecksum.
func ReadManifest(ctx context.Context, store object.Store, stream string, batch uint64) (b Batch, err error) {
	name := ManifestName(stream, batch)
	text, err := readObject(ctx, store, name)
	if err != nil {
		return b, err
	}
	b, err = DecodeManifest(text)
	if err == nil || errors.Is(err, ErrNoChecksum) {
		if b.Stream != stream || b.Batch != batch {
			err = fmt.Errorf("it belongs to batch %d of %s", b.Batch, b.Stream)
		}
	}
	if err != nil {
		err = failure.Wrap(failure.Data, fmt.Errorf("read %s: %w", name, err))
	}
	return b, err
}

func readObject(ctx context.Context, store object.Store, name string) ([]byte, error) {
	in, err := store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.NewSectionReader(in, 0, in.Size()))
}

// HasObject reports whether an object exists.
func HasObject(ctx context.Context, store object.Store, name string) (bool, error) {
	in, err := store.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, in.Close()
}

// writeChecked writes a document as an object that ends with its checksum.
func (st *Store) writeChecked(ctx context.Context, name string, document any) error {
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	out, err := st.Objects.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := out.Write(appendChecksum(bytes.TrimSuffix(text, []byte("\n}")))); err != nil {
		return errors.Join(err, out.Abort())
	}
	return out.Commit()
}

// WriteManifest writes the manifest of a batch in the catalog.
func (st *Store) WriteManifest(ctx context.Context, b *Batch) error {
	return st.writeChecked(ctx, ManifestName(b.Stream, b.Batch), b)
}

// EnsureManifest writes the manifest of a stream's last batch if a process died between the catalog's transaction and the manifest.
func (st *Store) EnsureManifest(ctx context.Context, stream string, last uint64) error {
	if missing, err := st.isMissing(ctx, last, ManifestName(stream, last)); !missing {
		return err
	}
	b, err := st.Batch(ctx, stream, last)
	if err != nil {
		return err
	}
	return st.WriteManifest(ctx, &b)
}

// isMissing reports whether the object of a document, which is numbered from 1, was not written.
func (st *Store) isMissing(ctx context.Context, number uint64, name string) (bool, error) {
	if number == 0 {
		return false, nil
	}
	there, err := HasObject(ctx, st.Objects, name)
	return !there && err == nil, err
}

// NotInCatalogError says that a sealed batch or a retraction is not in the catalog. Class Data.
type NotInCatalogError struct {
	Stream     string
	Batch      uint64
	Retraction uint64 // instead of a batch
	Missing    bool   // it is not among the objects either
}

func (e *NotInCatalogError) Error() string {
	what := (&GivenUp{Stream: e.Stream, Batch: e.Batch, Retraction: e.Retraction}).What()
	switch {
	case e.Missing:
		return fmt.Sprintf("%s is missing in the catalog and among the objects; %s", what, RepairHint(what))
	case e.Retraction > 0:
		return fmt.Sprintf("retraction %d of %s is not in the catalog, which is older than the objects: run `bursar repair` to enter it", e.Retraction, e.Stream)
	}
	return fmt.Sprintf("batch %d of %s is sealed and not in the catalog, which is older than the objects: run `bursar repair` to adopt it", e.Batch, e.Stream)
}

// RepairHint says how to restore a missing batch or retraction, or to go on without it.
func RepairHint(what string) string {
	return fmt.Sprintf("`bursar repair --from BACKUP` restores it from a copy of the project; if no copy has it, `bursar repair --give-up %q --reason TEXT` goes on without it", what)
}

// Class is Data: it remains until it is repaired.
func (e *NotInCatalogError) Class() failure.Class { return failure.Data }

// CheckUnsealed refuses the number of a batch that is sealed (rule 3), whatever the stream's state says: because its manifest or its catalog document
// exists, or because there are objects of the next batch, since batches are sealed in order.
func (st *Store) CheckUnsealed(ctx context.Context, stream string, batch uint64) error {
	there, err := HasObject(ctx, st.Objects, ManifestName(stream, batch))
	if err == nil && !there {
		_, there, err = st.KnownBatch(ctx, stream, batch)
	}
	var next []string
	if err == nil && !there {
		next, err = st.Objects.List(ctx, BatchPrefix(stream, batch+1))
	}
	if err != nil || !there && len(next) == 0 {
		return err
	}
	if state, _, err := st.ReadState(ctx, stream); err != nil || state.Batches >= batch {
		return cmp.Or(err, ErrOvertaken) // it was sealed since the caller read the state
	}
	return &NotInCatalogError{Stream: stream, Batch: batch, Missing: !there}
}

// LastSealed returns the number of a stream's newest batch according to its state, the catalog's batches and the manifests among the objects.
func (st *Store) LastSealed(ctx context.Context, state *StreamState, stream string) (last uint64, err error) {
	last = state.Batches
	batches, err := Batches(ctx, st.Catalog, stream, last)
	if err != nil {
		return 0, err
	}
	for i := range batches {
		last = max(last, batches[i].Batch)
	}
	names, err := st.Objects.List(ctx, BatchesPrefix(stream))
	return max(last, lastNumber(names, BatchesPrefix(stream), "/"+manifestFile)), err
}

// lastNumber returns the highest number between prefix and suffix of a name; 0 if there is none.
func lastNumber(names []string, prefix, suffix string) (last uint64) {
	for _, name := range names {
		number := strings.TrimSuffix(strings.TrimPrefix(name, prefix), suffix)
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			last = max(last, n)
		}
	}
	return last
}

func retractionObjects(stream string) string { return "streams/" + stream + "/retractions/" }

// RetractionName is the name of a retraction's object.
func RetractionName(stream string, number uint64) string {
	return fmt.Sprintf("%s%08d.json", retractionObjects(stream), number)
}

// DecodeRetraction decodes an object of a stream's retraction.
func DecodeRetraction(text []byte, stream string, number uint64) (r Retraction, err error) {
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("it is not a retraction: %w", err)
	}
	at := bytes.LastIndex(text, []byte(checksumMember))
	switch {
	case at < 0 || !bytes.Equal(text, appendChecksum(text[:at])):
		err = errors.New("its checksum does not match its content")
	case r.Stream != stream || r.Number != number:
		err = fmt.Errorf("it is retraction %d of %s", r.Number, r.Stream)
	}
	return r, err
}

// ReadRetraction reads the object of a retraction.
func ReadRetraction(ctx context.Context, store object.Store, stream string, number uint64) (r Retraction, err error) {
	name := RetractionName(stream, number)
	text, err := readObject(ctx, store, name)
	if err != nil {
		return r, err
	}
	if r, err = DecodeRetraction(text, stream, number); err != nil {
		err = failure.Wrap(failure.Data, fmt.Errorf("read %s: %w", name, err))
	}
	return r, err
}

// WriteRetraction writes the object of a retraction in the catalog.
func (st *Store) WriteRetraction(ctx context.Context, r *Retraction) error {
	return st.writeChecked(ctx, RetractionName(r.Stream, r.Number), r)
}

// EnsureRetraction writes the object of a stream's last retraction if a process died between the catalog's transaction and the object.
func (st *Store) EnsureRetraction(ctx context.Context, stream string, last uint64) error {
	if missing, err := st.isMissing(ctx, last, RetractionName(stream, last)); !missing {
		return err
	}
	list, err := catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) ([]Retraction, error) {
		return listRetractions(tx, retractionKind.prefix(stream), last)
	})
	if err != nil || len(list) == 0 {
		return err
	}
	return st.WriteRetraction(ctx, &list[len(list)-1])
}

// RetractionNames returns the objects of a stream's retractions in the catalog.
func (st *Store) RetractionNames(ctx context.Context, stream string) (names []string, err error) {
	list, err := AllRetractions(ctx, st.Catalog, stream)
	for i := range list {
		names = append(names, RetractionName(stream, list[i].Number))
	}
	return names, err
}

// LastRetractionObject returns the highest number among the objects.
func (st *Store) LastRetractionObject(ctx context.Context, stream string) (last uint64, err error) {
	names, err := st.Objects.List(ctx, retractionObjects(stream))
	return lastNumber(names, retractionObjects(stream), ".json"), err
}
