// Losses of spools as objects.

package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// copyPrefix is the prefix of the copy of a damaged spool.
func (o *objects) copyPrefix(id ID) string { return o.prefix + damagedFolder + id.String() + "/" }

func (o *objects) lossName(id ID) string { return o.prefix + lossesFolder + id.String() + lossSuffix }

// Report copies a spool's objects, because they are removed once the spool is sealed.
func (o *objects) Report(ctx context.Context, l Loss) (Loss, error) {
	names, err := o.store.List(ctx, o.Place(l.id()))
	for _, name := range names {
		if err == nil {
			l.KeptAs = o.copyPrefix(l.id())
			err = o.copyObject(ctx, name, l.KeptAs+path.Base(name))
		}
	}
	if err != nil {
		return l, fmt.Errorf("keep damaged spool: %w", err)
	}
	text, err := json.Marshal(l)
	if err == nil {
		err = write(ctx, o.store.Create, o.lossName(l.id()), text)
	}
	if err != nil {
		return l, fmt.Errorf("report damaged spool: %w", err)
	}
	return l, nil
}

func (o *objects) copyObject(ctx context.Context, from, to string) error {
	text, err := read(ctx, o.store, from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return write(ctx, o.store.Create, to, text)
}

func (o *objects) Losses(ctx context.Context) ([]Loss, error) {
	names, err := o.store.List(ctx, o.prefix)
	if err != nil {
		return nil, fmt.Errorf("list losses: %w", err)
	}
	var ids []ID
	for _, name := range names {
		text := strings.TrimPrefix(name, o.prefix)
		id, ok := parseID(strings.TrimSuffix(strings.TrimPrefix(text, lossesFolder), lossSuffix))
		if kept, isCopy := strings.CutPrefix(text, damagedFolder); isCopy {
			id, ok = parseSpool(kept)
		}
		if ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, compareIDs)
	var losses []Loss
	for _, id := range ids {
		text, err := read(ctx, o.store, o.lossName(id))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read loss of spool %d: %w", id.Number, err)
		}
		losses = append(losses, decodeLoss(text, err, o.stream, id))
	}
	return losses, nil
}

func (o *objects) Dismiss(ctx context.Context, l Loss) error {
	err := o.deleteAll(ctx, o.copyPrefix(l.id()))
	if err == nil {
		err = o.store.Delete(ctx, o.lossName(l.id()))
	}
	if err != nil {
		return fmt.Errorf("dismiss damaged spool: %w", err)
	}
	return nil
}
