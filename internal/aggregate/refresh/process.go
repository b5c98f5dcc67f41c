// Imports the statement files of refreshes, those of several accounts together.

package refresh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/failure"
)

// Process imports a statement file of a refresh, by its number. A file of which nothing is accepted is noted with the reason.
func (r *Refresher) Process(ctx context.Context, ref account.Ref, refresh, statement int) error {
	a, err := r.Accounts.Get(ctx, ref)
	if err != nil || !a.IsRunning(refresh) {
		return err
	}
	if statement >= len(a.Documents) {
		return fmt.Errorf("refresh %d of %s has no statement %d", refresh, ref, statement)
	}
	d := a.Documents[statement]
	if d.Done {
		return nil
	}
	path, remove, err := r.scratchFile(ctx, ref, d)
	if err != nil {
		return err
	}
	defer remove()
	only := ""
	if strings.EqualFold(filepath.Ext(d.Name), ".csv") {
		only = ref.Institution // whose mapping reads it
	}
	refused, err := r.imports.add(ctx, r.ImportInterval, only, path, r.importFiles)
	if err != nil {
		return fmt.Errorf("import %s of %s: %w", d.Name, ref, err)
	}
	return r.Accounts.Processed(ctx, ref, refresh, d.Object, refused)
}

// importFiles is Import, whose panics are errors: it is called where nobody else recovers from them.
func (r *Refresher) importFiles(ctx context.Context, institution string, files []string) (refused []string, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			r.Log.Error("an import panicked", "panic", cause, "stack", string(debug.Stack()))
			err = fmt.Errorf("bug: panic: %v", cause)
		}
	}()
	return r.Import(ctx, institution, files)
}

// scratchFile writes a kept file to where it can be imported from.
func (r *Refresher) scratchFile(ctx context.Context, ref account.Ref, d account.Document) (path string, remove func(), err error) {
	dir, err := os.MkdirTemp(r.Scratch, "fetched-")
	if err != nil {
		return "", nil, fmt.Errorf("make scratch folder: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) } // scratch is emptied at the next start
	path = filepath.Join(dir, fileName(ref, d.Name))
	if err := r.copyObject(ctx, d, path); err != nil {
		remove()
		return "", nil, fmt.Errorf("read %s of %s: %w", d.Name, ref, err)
	}
	return path, remove, nil
}

// fileName is the name by which people find a fetched file: its institution, its account, and its name there.
func fileName(ref account.Ref, name string) string {
	clean := func(r rune) rune {
		if strings.ContainsRune("/\\:*?\"<>|", r) || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}
	const longest = 80 // bytes of each: file systems allow 255 together
	parts := []string{ref.Institution, ref.Account, filepath.Base(name)}
	for i, p := range parts {
		p = strings.Map(clean, p)
		if len(p) > longest {
			p = strings.ToValidUTF8(p[len(p)-longest:], "")
		}
		parts[i] = p
	}
	return strings.Join(parts, "-")
}

func (r *Refresher) copyObject(ctx context.Context, d account.Document, path string) error {
	in, err := r.Objects.OpenSized(ctx, d.Object, d.Bytes)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(in, 0, d.Bytes))
	return errors.Join(err, out.Close())
}

// importFunc imports files as one group; see Refresher.Import.
type importFunc = func(ctx context.Context, institution string, files []string) (refused []string, err error)

// importGroups collects files while others are imported: one import costs about as much for many files as for one.
type importGroups struct {
	mu      sync.Mutex
	pending map[string][]*importGroup // by institution; empty: any
	running map[string]bool
}

// importGroup are files that are imported together.
type importGroup struct {
	files   []string
	done    chan struct{}
	results []importResult // of each file
}

// importResult is what became of a file.
type importResult struct {
	refused string // why nothing of it was accepted
	err     error  // why it could not be imported
}

// maxGroup bounds the files of a group.
const maxGroup = 500

// add imports a file with the next group, and returns why nothing of it was accepted. A group that has begun goes on when callers give up, and they wait
// for it: its files must stay.
func (g *importGroups) add(ctx context.Context, interval time.Duration, institution, file string, do importFunc) (refused string, err error) {
	g.mu.Lock()
	if g.pending == nil {
		g.pending, g.running = map[string][]*importGroup{}, map[string]bool{}
	}
	if waiting := g.pending[institution]; len(waiting) == 0 || len(waiting[len(waiting)-1].files) == maxGroup {
		g.pending[institution] = append(waiting, &importGroup{done: make(chan struct{})})
	}
	group := g.pending[institution][len(g.pending[institution])-1]
	at := len(group.files)
	group.files = append(group.files, file)
	if !g.running[institution] {
		g.running[institution] = true
		go g.importAll(context.WithoutCancel(ctx), interval, institution, do)
	}
	g.mu.Unlock()
	<-group.done
	return group.results[at].refused, group.results[at].err
}

// importAll imports groups until none is pending, each at the earliest an interval after the begin of the one before.
func (g *importGroups) importAll(ctx context.Context, interval time.Duration, institution string, do importFunc) {
	for {
		next := time.After(interval)
		g.mu.Lock()
		waiting := g.pending[institution]
		if len(waiting) == 0 {
			delete(g.pending, institution)
			delete(g.running, institution)
			g.mu.Unlock()
			return
		}
		group := waiting[0]
		g.pending[institution] = waiting[1:]
		g.mu.Unlock()
		group.results = importOrAlone(ctx, institution, group.files, do)
		close(group.done)
		<-next
	}
}

// importOrAlone imports files together, or, if that fails because of one of them, each alone: the others are of other accounts.
func importOrAlone(ctx context.Context, institution string, files []string, do importFunc) []importResult {
	results := make([]importResult, len(files))
	refused, err := do(ctx, institution, files)
	if err != nil && !failure.Of(err).Retryable() && len(files) > 1 {
		for i, file := range files {
			results[i] = importOrAlone(ctx, institution, []string{file}, do)[0]
		}
		return results
	}
	for i := range results {
		switch {
		case err == nil:
			results[i].refused = refused[i]
		case failure.Of(err) == failure.Data:
			results[i].refused = err.Error()
		default:
			results[i].err = err
		}
	}
	return results
}
