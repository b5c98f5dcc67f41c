// Streams that keep versions: what their dedupe index knows, and which version of an event a retraction is of.

package event

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/event/identity"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// openIndex reads a stream's state and the key of its dedupe index. An index from before the stream was declared to keep versions knows
// events by their ids alone: it is made anew.
func (in *Intake) openIndex(ctx context.Context, s *project.Stream) (state streamState, key *identity.Key, err error) {
	if state, _, err = in.readState(ctx, s.Name); err != nil {
		return state, nil, err
	}
	if err := CheckGrowth(ctx, in.Catalog, s); err != nil {
		return state, nil, err
	}
	key, err = in.key(s.Name, &state)
	if err != nil || state.Batches == 0 || state.Versions == s.Versions {
		return state, key, err
	}
	in.Log.Info("the stream's dedupe index is made anew, as its `versions` are declared otherwise", "stream", s.Name)
	if err := in.RebuildDedupe(ctx, s); err != nil {
		return state, nil, err
	}
	if state, _, err = in.readState(ctx, s.Name); err != nil {
		return state, nil, err
	}
	key, err = in.key(s.Name, &state)
	return state, key, err
}

// newest is the version that was received last. The same command is of the same version, whatever is retracted by then.
func newest(found []Retraction) Retraction {
	return slices.MaxFunc(found, byReceipt)
}

func byReceipt(a, b Retraction) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row))
}

// namedVersions bounds the versions that a message names.
const namedVersions = 10

// whichVersion names the versions of an event that count, oldest first, and says how one is chosen.
func (in *Intake) whichVersion(ctx context.Context, s *project.Stream, found []Retraction) error {
	slices.SortFunc(found, byReceipt)
	var named []string
	for _, r := range found[max(0, len(found)-namedVersions):] {
		file, err := FindFile(ctx, in.Catalog, s.Name, r.File)
		if err != nil {
			return err
		}
		name, row := file.At(r.Row)
		named = append(named, fmt.Sprintf("batch %d (%s, row %d)", r.Batch, name, row))
	}
	last := found[len(found)-1]
	return failure.Wrap(failure.Data, fmt.Errorf("event %s of %s has %d versions, the newest last: %s; say of which batch, as in `bursar retract %s %d --event ID`: "+
		"of several versions in one batch, that is the newest", last.Event, s.Name, len(found), strings.Join(named, ", "), s.Name, last.Batch))
}
