// Objects of retractions: how they are written, read and named.

package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/object"
)

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
	if last == 0 {
		return nil
	}
	there, err := HasObject(ctx, st.Objects, RetractionName(stream, last))
	if err != nil || there {
		return err
	}
	list, err := catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) ([]Retraction, error) {
		return listRetractions(tx, retractionPrefix(stream), last)
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
	for _, name := range names {
		number := strings.TrimSuffix(strings.TrimPrefix(name, retractionObjects(stream)), ".json")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			last = max(last, n)
		}
	}
	return last, err
}
