// Generations that were replaced in a shared project: other processes may still read them, so they are removed later (DESIGN §8).

package runs

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
)

const (
	// dropWait is how long a replaced generation stays, for those who read it.
	dropWait = 10 * time.Minute
	// lateWait is how long it takes until what a process wrote late, which had been stopped meanwhile, is searched for, and the generation
	// is forgotten.
	lateWait = 24 * time.Hour

	droppedPrefix = "dropped/"
)

// Dropped is the catalog's document of a generation that was replaced.
type Dropped struct {
	Pipeline   string    `json:"pipeline"`
	Generation uint64    `json:"generation"`
	Since      time.Time `json:"since"`
	Removed    bool      `json:"removed,omitempty"` // once
}

// Space names the generation.
func (d *Dropped) Space() artifact.Space {
	return artifact.Space{Pipeline: d.Pipeline, Generation: d.Generation}
}

func (d *Dropped) key() string {
	return fmt.Sprintf("%s%s/g%04d", droppedPrefix, d.Pipeline, d.Generation)
}

// Drop marks a generation that nobody works on any more for removal.
func Drop(tx catalog.Tx, pipeline string, generation uint64, now time.Time) error {
	d := &Dropped{Pipeline: pipeline, Generation: generation, Since: now.UTC()}
	found, err := tx.Get(d.key(), &Dropped{})
	if err != nil || found {
		return err
	}
	return tx.Put(d.key(), d)
}

// DropBefore marks all generations of a pipeline that are older than a given one for removal.
func DropBefore(tx catalog.Tx, pipeline string, generation uint64, now time.Time) error {
	all, err := catalog.All[Generation](tx, "generation/"+pipeline+"/", "")
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Generation >= generation {
			continue
		}
		if err := Drop(tx, pipeline, all[i].Generation, now); err != nil {
			return err
		}
	}
	return nil
}

// DueDrops lists the replaced generations that are to be removed now.
func DueDrops(ctx context.Context, c catalog.Catalog, now time.Time) ([]Dropped, error) {
	return catalog.Read(ctx, c, func(tx catalog.Tx) (due []Dropped, err error) {
		for d, err := range catalog.Documents[Dropped](tx, droppedPrefix, "") {
			if err != nil {
				return nil, err
			}
			if age := now.Sub(d.Since); age >= dropWait && !d.Removed || age >= lateWait {
				due = append(due, d)
			}
		}
		return due, nil
	})
}

// RemoveDropped records that the objects and index entries of a replaced generation were removed: its documents go too. Its mark goes
// when it was removed again after a day.
func RemoveDropped(tx catalog.Tx, d *Dropped, now time.Time) error {
	if err := DeleteGeneration(tx, &Generation{Pipeline: d.Pipeline, Generation: d.Generation}); err != nil {
		return err
	}
	if now.Sub(d.Since) >= lateWait {
		return tx.Delete(d.key())
	}
	removed := *d
	removed.Removed = true
	return tx.Put(d.key(), removed)
}

// DroppedPrefixes returns the prefixes of the objects of replaced generations.
func DroppedPrefixes(ctx context.Context, c catalog.Catalog) (prefixes []string, err error) {
	all, err := catalog.Read(ctx, c, func(tx catalog.Tx) ([]Dropped, error) { return catalog.All[Dropped](tx, droppedPrefix, "") })
	for i := range all {
		prefixes = append(prefixes, artifact.SpacePrefix(all[i].Space()))
	}
	return prefixes, err
}
