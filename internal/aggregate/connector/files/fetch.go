// A fetch: which files are complete and new, and their delivery, oldest first.

package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"

	"github.com/pkg/sftp"
)

const (
	// stateEvery is after how many documents the cursor goes out before the end, so that a first fetch of many files is not repeated whole.
	stateEvery = 1000
	// maxRefused bounds the refused files that an error names.
	maxRefused = 20
)

// session is an open folder.
type session struct {
	folder  folder
	name    string
	pattern string
	settle  time.Duration
	wait    func(context.Context, time.Duration) error
}

// Fetch delivers the complete files that the cursor does not know. Files that can't be read are named by the error, after all others were delivered.
func (s *session) Fetch(ctx context.Context, r connector.Request, d connector.Delivery) error {
	if r.Account != account {
		return &connector.UnknownAccountError{Account: r.Account}
	}
	known := parseCursor(r.Cursor)
	complete, refused, err := s.complete(ctx, known)
	if err != nil {
		return fmt.Errorf("list %s: %w", s.name, err)
	}
	v := &visit{session: s, delivery: d, progress: r.Progress, written: r.Cursor, refused: refused}
	groups := known.divide(complete)
	for i := range groups {
		if !groups[i].isKnown() {
			v.total += len(groups[i].files)
		}
	}
	for i := range groups {
		if err := v.deliver(ctx, &groups[i]); err != nil {
			return err
		}
		if v.sinceState >= stateEvery {
			if err := v.state(ctx, known.after(groups[i].until)); err != nil {
				return err
			}
		}
	}
	if err := v.state(ctx, nil); err != nil {
		return err
	}
	return v.refusal()
}

// complete returns the files that are complete, and those that are refused. A file is complete if it is the same in two lists; a server's clock is
// not asked, as it may be wrong. Nothing is listed twice if no file is new.
func (s *session) complete(ctx context.Context, known *cursor) (complete, refused []file, err error) {
	complete, refused, err = s.matching(ctx)
	if err != nil || s.settle == 0 || !known.misses(complete) {
		return complete, refused, err
	}
	if err := s.wait(ctx, s.settle); err != nil {
		return nil, nil, err
	}
	before := map[file]bool{}
	for _, f := range complete {
		before[f] = true
	}
	if complete, refused, err = s.matching(ctx); err != nil {
		return nil, nil, err
	}
	return slices.DeleteFunc(complete, func(f file) bool { return !before[f] }), refused, nil
}

// matching returns the files with matching names, oldest first.
func (s *session) matching(ctx context.Context) (found, refused []file, err error) {
	all, err := s.folder.list(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range all {
		if matches, _ := path.Match(s.pattern, f.name); !matches || isTemporary(f.name) {
			continue
		}
		if f.refused == "" && f.size > connector.MaxBody {
			f.refused = fmt.Sprintf("it has %d bytes, more than %d", f.size, connector.MaxBody)
		}
		switch {
		case f.refused != "":
			refused = append(refused, f)
		case f.size > 0:
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.modified, b.modified), strings.Compare(a.name, b.name))
	})
	return slices.Compact(found), refused, nil // servers may list a file twice while others are added
}

// visit is what a fetch has done so far.
type visit struct {
	*session
	delivery connector.Delivery
	progress func(done, total int)

	delivered  []group // what the next cursor knows
	written    string  // the last cursor that went out
	refused    []file
	mayPass    bool // reading one of these may succeed later
	done       int
	total      int
	sinceState int // documents
}

// deliver delivers the files of a group, unless it is known. A file that was changed meanwhile is left to the next fetch.
func (v *visit) deliver(ctx context.Context, g *present) error {
	if g.isKnown() {
		v.delivered = append(v.delivered, g.group)
		return nil
	}
	result := group{until: g.until}
	for i := range g.files {
		f := &g.files[i]
		content, err := v.folder.read(ctx, f)
		switch {
		case errors.Is(err, errChanged), errors.Is(err, fs.ErrNotExist):
			v.total--
			continue
		case isOfFile(err):
			f.refused = err.Error()
			v.refused, v.mayPass = append(v.refused, *f), v.mayPass || failure.Of(err) == failure.Transient
			v.total--
			continue
		case err != nil:
			return fmt.Errorf("read %q of %s: %w", f.name, v.name, err)
		}
		if err := v.delivery.Document(ctx, f.name, content); err != nil {
			return fmt.Errorf("deliver %q: %w", f.name, err)
		}
		result.add(f)
		v.done++
		v.sinceState++
		if v.progress != nil {
			v.progress(v.done, v.total)
		}
	}
	if result.count > 0 {
		v.delivered = append(v.delivered, result)
	}
	return nil
}

// state passes on a cursor that knows what was delivered, and those of the old groups that were not looked at yet, if it is another one.
func (v *visit) state(ctx context.Context, old []group) error {
	v.sinceState = 0
	next := newCursor(slices.Concat(v.delivered, old)).String()
	if next == v.written {
		return nil
	}
	if err := v.delivery.State(ctx, []byte(next)); err != nil {
		return fmt.Errorf("deliver the state of %s: %w", v.name, err)
	}
	v.written = next
	return nil
}

// isOfFile reports whether an error is about a file only, and others may be read.
func isOfFile(err error) bool {
	var status *sftp.StatusError
	return errors.Is(err, fs.ErrPermission) || errors.As(err, &status)
}

// refusal names the files that were not read.
func (v *visit) refusal() error {
	if len(v.refused) == 0 {
		return nil
	}
	var named []string
	for _, f := range v.refused[:min(len(v.refused), maxRefused)] {
		named = append(named, fmt.Sprintf("%q: %s", f.name, f.refused))
	}
	if more := len(v.refused) - len(named); more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	class := failure.Data
	if v.mayPass {
		class = failure.Transient
	}
	return failure.Wrap(class, fmt.Errorf("read %d files of %s: %s; all others were read", len(v.refused), v.name, strings.Join(named, "; ")))
}
