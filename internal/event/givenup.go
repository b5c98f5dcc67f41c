// What was given up of a stream: batches and retractions that are missing for good.

package event

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
)

// GivenUp is a batch or a retraction that was given up: a catalog document.
type GivenUp struct {
	Stream     string    `json:"stream"`
	Batch      uint64    `json:"batch,omitempty"`
	Retraction uint64    `json:"retraction,omitempty"` // instead of a batch
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"`
}

// What names what was given up, in the syntax of `bursar repair --give-up`.
func (g *GivenUp) What() string {
	if g.Retraction > 0 {
		return fmt.Sprintf("retraction %d of %s", g.Retraction, g.Stream)
	}
	return fmt.Sprintf("batch %d of %s", g.Batch, g.Stream)
}

func givenUpPrefix(stream string) string { return "givenup/" + stream + "/" }

// Put writes the document.
func (g *GivenUp) Put(tx catalog.Tx) error {
	return tx.Put(fmt.Sprintf("%s%08d-%08d", givenUpPrefix(g.Stream), g.Batch, g.Retraction), g)
}

// ListGivenUp returns what was given up of a stream.
func ListGivenUp(ctx context.Context, c catalog.Catalog, stream string) ([]GivenUp, error) {
	list, err := catalog.Read(ctx, c, func(tx catalog.Tx) ([]GivenUp, error) { return catalog.All[GivenUp](tx, givenUpPrefix(stream), "") })
	if err != nil {
		return nil, fmt.Errorf("list what of %s was given up: %w", stream, err)
	}
	return list, nil
}

// GivenUpSince returns what was given up of a stream, without what is named and without batches numbered above batch.
func GivenUpSince(tx catalog.Tx, stream string, named []string, batch uint64) (names []string, err error) {
	list, err := catalog.All[GivenUp](tx, givenUpPrefix(stream), "")
	if err != nil {
		return nil, fmt.Errorf("read what of %s was given up: %w", stream, err)
	}
	for _, g := range list {
		if what := g.What(); g.Batch <= batch && !slices.Contains(named, what) {
			names = append(names, what)
		}
	}
	return names, nil
}
