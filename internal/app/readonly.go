// Opening a project whose disk takes nothing, for commands that only read.

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// OpenReadOnly is Open for a command that only reads. Where the disk is read-only or full, the stores are opened in a way that
// writes nothing to it.
func OpenReadOnly(ctx context.Context, dir, command string, log *slog.Logger) (*App, error) {
	return openProject(ctx, dir, command, log, func(a *App, err error) error {
		if !isUnwritable(err) {
			return err
		}
		a.log.Warn("the project is only read", "error", err)
		return a.openReadOnly(ctx, err)
	})
}

// probeBytes is about what opening the stores takes.
const probeBytes = 512 << 10

// probeWritable finds out whether the stores can be opened for writing: they would make files, and one of them ends the process when it
// cannot.
func probeWritable(state string) error {
	probe, err := os.CreateTemp(state, "probe-*")
	if err != nil {
		return fmt.Errorf("write to %s: %w", state, err)
	}
	_, err = probe.Write(make([]byte, probeBytes))
	return errors.Join(err, probe.Close(), os.Remove(probe.Name()))
}

// openReadOnly opens the stores for reading only. Scratch lies in the system's folder for temporary files.
func (a *App) openReadOnly(ctx context.Context, full error) error {
	scratch, err := os.MkdirTemp("", "bursar-")
	if err != nil {
		return fmt.Errorf("make scratch folder: %w", err)
	}
	a.closers = append(a.closers, func() error { return os.RemoveAll(scratch) })
	records, err := catalog.OpenReadOnly(filepath.Join(a.state, "catalog.db"))
	if errors.Is(err, fs.ErrNotExist) { // nothing was taken in yet, and nothing can be
		return full
	}
	if err != nil {
		return failure.Wrap(failure.Transient, fmt.Errorf("%w; make room on the disk, or copy the project to another one", err))
	}
	a.closers = append(a.closers, records.Close)
	index, err := artifact.OpenPebbleReadOnly(filepath.Join(a.state, "index"))
	if err != nil {
		return err
	}
	a.catalog, a.index = records, &projectIndex{dir: indexFolder(a.state), index: index}
	a.closers = append(a.closers, a.index.Close)
	secret, err := event.ReadSecret(ctx, records, filepath.Join(a.state, "identity.key"))
	if err != nil {
		return err
	}
	a.compose(object.NewFolder(filepath.Join(a.state, "objects")), records, a.index, scratch)
	a.Intake.Secret = secret
	return nil
}
