// Reads all artifacts back and adds them up. The sums must equal the generated ones.

package bench

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"bursar/internal/app"
	"bursar/internal/reconcile/query"
	"bursar/internal/tools/shop"
)

// sumArtifacts exports all artifacts and adds them up.
func sumArtifacts(ctx context.Context, a *app.App) (sums map[string]string, all query.Exported, err error) {
	var totals shop.Totals
	all, err = exportTo(ctx, a, func(lines io.Reader) (err error) {
		totals, err = sumLines(lines)
		return err
	})
	return sumTexts(totals), all, err
}

// exportTo exports all artifacts to read.
func exportTo(ctx context.Context, a *app.App, read func(lines io.Reader) error) (all query.Exported, err error) {
	out, in := io.Pipe()
	exported := make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(in, 1<<20)
		var err error
		if all, err = a.Queries.Export(ctx, pipeline, w); err == nil {
			err = w.Flush()
		}
		exported <- err
		in.CloseWithError(err) // nil is the end of the file
	}()
	err = read(out)
	out.CloseWithError(err)
	failed := <-exported
	return all, cmp.Or(err, failed)
}

func sumLines(r io.Reader) (sum shop.Totals, err error) {
	lines := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	for {
		var line struct {
			Artifact struct {
				Events                  int64
				Shipped, Paid, Refunded string
			}
		}
		if err := lines.Decode(&line); err == io.EOF {
			return sum, nil
		} else if err != nil {
			return sum, fmt.Errorf("add artifacts up: %w", err)
		}
		a := &line.Artifact
		sum.Events += a.Events
		for _, column := range []struct {
			sum  *int64
			text string
		}{{&sum.Shipped, a.Shipped}, {&sum.Paid, a.Paid}, {&sum.Refunded, a.Refunded}} {
			cents, err := shop.ParseCents(column.text)
			if err != nil {
				return sum, err
			}
			*column.sum += cents
		}
	}
}
