// Objects whose listing differs from the journal: whether their content is what was loaded, also under another name.

package load

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// compareSuspects reports the objects that are not as they were loaded, and returns them as they were. A copy of the same content is as it
// was loaded.
func (r *run) compareSuspects(ctx context.Context, suspects []Object, before map[string]object) (changed []object, err error) {
	for i := range suspects {
		now := before[suspects[i].Name]
		same, err := r.hasContent(ctx, &suspects[i], &now)
		if err != nil {
			return nil, err
		}
		if !same {
			r.result.Changed.add(suspects[i].Name)
			changed = append(changed, now)
			continue
		}
		r.result.Known++
		now.Object = suspects[i]
		r.touched = append(r.touched, now)
	}
	return changed, nil
}

// findRenamed leaves out new objects with the content of one that does not exist any more, or has another content now: its rows are loaded.
// The journal knows them from now on, without rows. Each of those that are gone is only one other object now: contents such as "no events"
// repeat.
func (r *run) findRenamed(ctx context.Context, gone *goneObjects) error {
	var todo []Object
	for i := range r.todo {
		o := &r.todo[i]
		from, err := r.renamedFrom(ctx, o, gone)
		if err != nil {
			return err
		}
		if from == nil {
			todo = append(todo, *o)
			continue
		}
		r.result.Known++
		r.result.Renamed.add(o.Name + ", which was " + from.Name)
		r.touched = append(r.touched, object{Object: *o, Digest: from.Digest, Number: from.Number})
	}
	r.todo = todo
	return nil
}

// renamedFrom returns the object that was renamed to this one, or nil.
func (r *run) renamedFrom(ctx context.Context, o *Object, gone *goneObjects) (*object, error) {
	if o.Size == 0 {
		return nil, nil
	}
	if o.ETag != "" {
		if from := gone.take(goneKey{size: o.Size, etag: o.ETag}); from != nil {
			return from, nil
		}
	}
	if !gone.digested[o.Size] {
		return nil, nil
	}
	digest, err := r.contentDigest(ctx, o)
	if err != nil || digest == "" {
		return nil, err
	}
	return gone.take(goneKey{size: o.Size, digest: digest}), nil
}

// goneObjects are objects whose content does not exist any more under their names, by this content.
type goneObjects struct {
	by       map[goneKey][]*object
	digested map[int64]bool // sizes of those whose digest is known
	taken    map[*object]bool
}

// goneKey has the ETag or the digest of a content.
type goneKey struct {
	size         int64
	etag, digest string
}

func (g *goneObjects) add(o *object) {
	if o.ETag != "" {
		key := goneKey{size: o.Size, etag: o.ETag}
		g.by[key] = append(g.by[key], o)
	}
	if o.Digest != "" {
		key := goneKey{size: o.Size, digest: o.Digest}
		g.by[key], g.digested[o.Size] = append(g.by[key], o), true
	}
}

// take returns an object with a content that was not taken yet, or nil.
func (g *goneObjects) take(key goneKey) *object {
	for list := g.by[key]; len(list) > 0; list = g.by[key] {
		o := list[0]
		if g.by[key] = list[1:]; !g.taken[o] {
			g.taken[o] = true
			return o
		}
	}
	return nil
}

// contentKey is equal for an object and for those that it was renamed to.
type contentKey struct {
	number, size int64
	digest, etag string // the ETag if the digest is not known
}

func (o *object) contentKey() contentKey {
	k := contentKey{number: o.Number, size: o.Size, digest: o.Digest}
	if k.digest == "" {
		k.etag = o.ETag
	}
	return k
}

// renames counts the objects that the journal has without rows: others were renamed to them, or their rows are elsewhere.
type renames map[contentKey]int

func (n renames) add(o *object) {
	if o.Rows == 0 && o.Rejected == 0 {
		n[o.contentKey()]++
	}
}

// notRenamed leaves out as many objects that are gone as were renamed before.
func (n renames) notRenamed(gone []object) *goneObjects {
	g := &goneObjects{by: map[goneKey][]*object{}, digested: map[int64]bool{}, taken: map[*object]bool{}}
	for i := range gone {
		o := &gone[i]
		if k := o.contentKey(); n[k] > 0 {
			n[k]--
			continue
		}
		g.add(o)
	}
	return g
}

// details is what a second reading of the journal finds.
type details struct {
	found   map[string]object // of the objects that were asked for, by name
	gone    []object          // that do not exist any more
	renamed renames
}

// readDetails reads the journal again: what is known of some objects, and of those that do not exist any more.
func (r *run) readDetails(ctx context.Context, suspects []Object) (d details, err error) {
	wanted := map[string]bool{}
	for _, o := range suspects {
		wanted[o.Name] = true
	}
	return d, r.db().Read(ctx, func(ctx context.Context, reader warehouse.Reader) error {
		d = details{found: map[string]object{}, renamed: renames{}}
		return eachObject(ctx, reader, objectsTable, r.declared.Name, func(o *object) error {
			d.renamed.add(o)
			if wanted[o.Name] {
				d.found[o.Name] = *o
			}
			if k, isKnown := r.history.known[nameDigest(o.Name)]; isKnown && !k.listed {
				d.gone = append(d.gone, *o)
			}
			return nil
		})
	})
}

// hasContent reports whether an object has the content that was loaded, although its listing differs: it was copied, for example.
func (r *run) hasContent(ctx context.Context, o *Object, before *object) (bool, error) {
	if before.Digest == "" || before.Size != o.Size {
		return false, nil
	}
	digest, err := r.contentDigest(ctx, o)
	return digest == before.Digest, err
}

// contentDigest reads an object. The digest is empty if the object has changed meanwhile.
func (r *run) contentDigest(ctx context.Context, o *Object) (digest string, err error) {
	in, err := r.source.Open(ctx, *o)
	if err == nil {
		digest, err = digestOf(ctx, io.NewSectionReader(in, 0, o.Size))
		err = errors.Join(err, in.Close())
	}
	if errors.Is(err, ErrGone) || errors.Is(err, ErrReplaced) {
		return "", nil
	}
	if err != nil {
		return "", objectError(o.Name, err)
	}
	return digest, nil
}

// digestOf reads all of an object.
func digestOf(ctx context.Context, in io.Reader) (string, error) {
	hash := xxh3.New()
	block := make([]byte, 1<<16)
	for ctx.Err() == nil {
		n, err := in.Read(block)
		_, _ = hash.Write(block[:n]) // a hash never fails
		if errors.Is(err, io.EOF) {
			return digestText(hash), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", ctx.Err()
}

func digestText(hash *xxh3.Hasher) string {
	sum := hash.Sum128()
	return column.Digest{Hi: sum.Hi, Lo: sum.Lo}.String()
}

func objectError(name string, err error) error { return fmt.Errorf("object %s: %w", name, err) }
