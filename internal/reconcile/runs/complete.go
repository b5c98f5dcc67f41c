// What the catalog knows of pipelines: whether their documents are complete, and which objects they name.

package runs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"bursar/internal/catalog"
)

// KnownObjects returns the names of all objects that runs have recorded, of all pipelines and generations.
func KnownObjects(ctx context.Context, c catalog.Catalog) (map[string]bool, error) {
	known, err := View(ctx, c, func(tx catalog.Tx) (map[string]bool, error) {
		known := map[string]bool{}
		add := func(share *Share) {
			for _, o := range share.Objects {
				known[o.Name] = true
			}
		}
		runs := tx.List("run/", decoded(func(run *Run) {
			for _, step := range run.Steps {
				for i := range step.Shares {
					add(&step.Shares[i])
				}
			}
		}))
		return known, errors.Join(runs, tx.List("share/", decoded(add)))
	})
	if err != nil {
		return nil, fmt.Errorf("list objects of runs: %w", err)
	}
	return known, nil
}

// CheckComplete returns an error if the documents of a pipeline, which has so many objects, are incomplete: generations or runs
// without the document that names them, or the reverse, or only those of a rebuild that is not complete.
func CheckComplete(ctx context.Context, c catalog.Catalog, pipeline string, objects int) error {
	return c.View(ctx, func(tx catalog.Tx) error {
		state, named, err := getState(tx, pipeline)
		if err != nil {
			return err
		}
		found := map[string]bool{}
		for _, kind := range []string{"generation/", "run/"} {
			err := tx.List(kind+pipeline+"/", func(key string, _ json.RawMessage) error {
				found[strings.Split(key, "/")[2]] = true
				return nil
			})
			if err != nil {
				return err
			}
		}
		if !named && len(found)+objects > 0 {
			return fmt.Errorf("%d generations and %d objects of %s exist, but the catalog does not contain the pipeline", len(found), objects, pipeline)
		}
		g, known, err := GetGeneration(tx, pipeline, state.Generation)
		if err != nil || !known {
			return errors.Join(err, state.Missing(pipeline))
		}
		for number := uint64(1); number <= g.Runs; number++ {
			if _, err := Get(tx, g.RunRef(number)); err != nil {
				return err
			}
		}
		return nil
	})
}
