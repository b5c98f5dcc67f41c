// Streams that keep versions: the version that a retraction refers to.

package retract

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// newest returns the version that was received last. A repeated command refers to the same version, whatever is retracted by then.
func newest(found []event.Retraction) event.Retraction {
	return slices.MaxFunc(found, byReceipt)
}

func byReceipt(a, b event.Retraction) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row))
}

// namedVersions bounds the versions that a message names.
const namedVersions = 10

// whichVersion returns an error that names the versions of an event that count, oldest first, and how to choose one.
func whichVersion(ctx context.Context, st *event.Store, s *project.Stream, found []event.Retraction) error {
	slices.SortFunc(found, byReceipt)
	var named []string
	for _, r := range found[max(0, len(found)-namedVersions):] {
		file, err := event.FindFile(ctx, st.Catalog, s.Name, r.File)
		if err != nil {
			return err
		}
		name, row := file.At(r.Row)
		named = append(named, fmt.Sprintf("batch %d (%s, row %d)", r.Batch, name, row))
	}
	last := found[len(found)-1]
	return failure.Wrap(failure.Data, fmt.Errorf("event %s of %s has %d versions, the newest last: %s; name the batch, as in `bursar retract %s %d --event ID`: "+
		"if the batch has several versions, that is the newest", last.Event, s.Name, len(found), strings.Join(named, ", "), s.Name, last.Batch))
}
