// Listing: the objects that exist, compared with the journal.

package load

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"bursar/internal/failure"
	"bursar/internal/project"
)

// listing is the objects that exist.
type listing struct {
	objects []Object // with a new load or replaceAll: all; else those that are not as they were loaded
	total   int64
	missing int64 // objects of the journal that do not exist
}

// listedAhead is how many batches of objects are listed before the journal is read.
const listedAhead = 100

// compare lists the objects while it reads the journal, and compares them.
func (r *run) compare(ctx context.Context) (out listing, err error) {
	group, listing := errgroup.WithContext(ctx)
	batches := make(chan []Object, listedAhead)
	group.Go(func() error {
		defer close(batches)
		return r.list(listing, batches)
	})
	group.Go(func() error {
		if err := r.readHistory(listing); err != nil {
			return err
		}
		var err error
		if r.added, err = r.checkTable(); err != nil {
			return err
		}
		for batch := range batches {
			for i := range batch {
				r.compareObject(&batch[i], &out)
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return out, err
	}
	if out.total == 0 {
		return out, failure.Wrap(failure.Data, fmt.Errorf("%s contains no objects%s; check `from` in %s", r.declared.From, r.matching(), r.at("from")))
	}
	for _, k := range r.history.known {
		if !k.listed {
			out.missing++
		}
	}
	return out, nil
}

// list sends the objects in batches.
func (r *run) list(ctx context.Context, batches chan<- []Object) error {
	var batch []Object
	send := func() error {
		select {
		case batches <- batch:
			batch = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := r.source.List(ctx, func(o Object) error {
		if !matches(r.declared.Match, o.Name) {
			return nil
		}
		if o.Fault != nil {
			return o.Fault
		}
		if batch = append(batch, o); len(batch) == batchRows {
			return send()
		}
		return nil
	})
	if err == nil {
		err = send()
	}
	return err
}

// compareObject compares an object with the journal, and keeps it if it is needed.
func (r *run) compareObject(o *Object, out *listing) {
	out.total++
	key := nameDigest(o.Name)
	k, isKnown := r.history.known[key]
	if isKnown {
		k.listed = true
		r.history.known[key] = k
	}
	same := isKnown && k.isSame(o)
	if same {
		r.result.Known++
	}
	if !same || r.declared.Strategy != project.Manifest || r.options.Reload || r.validating {
		out.objects = append(out.objects, *o)
	}
}

func (r *run) matching() string {
	if r.declared.Match == "" {
		return ""
	}
	return " that match " + r.declared.Match
}

// isKnown reports whether an object was loaded, and whether it is as it was then.
func (r *run) isKnown(o *Object) (loaded, same bool) {
	k, loaded := r.history.known[nameDigest(o.Name)]
	return loaded, loaded && k.isSame(o)
}
