// Opening a project whose disk is full or read-only: commands that only read open its stores without writing.

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
	"bursar/internal/event/ids"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// OpenReadOnly is Open for a command that only reads. If the disk is read-only or full, it opens the stores without writing.
func OpenReadOnly(ctx context.Context, dir, command string, log *slog.Logger) (*App, error) {
	return openProject(ctx, dir, command, log, func(a *App, err error) error {
		if !isUnwritable(err) {
			return err
		}
		a.log.Warn("the disk cannot be written; the project is open for reading only", "error", err)
		return a.openReadOnly(ctx, err)
	})
}

// probeBytes is about the disk space that opening the stores needs.
const probeBytes = 512 << 10

// probeWritable checks whether the stores can be opened for writing. Pebble would end the process if it could not create its
// files.
func probeWritable(state string) error {
	probe, err := os.CreateTemp(state, "probe-*")
	if err != nil {
		return fmt.Errorf("write to %s: %w", state, err)
	}
	_, err = probe.Write(make([]byte, probeBytes))
	return errors.Join(err, probe.Close(), os.Remove(probe.Name()))
}

// openReadOnly opens the stores for reading only. The scratch folder is in the system's folder for temporary files.
func (a *App) openReadOnly(ctx context.Context, full error) error {
	if !a.Project.Config.IsLocal() {
		return full // copies of objects need space
	}
	a.readOnly = true
	scratch, err := os.MkdirTemp("", "bursar-")
	if err != nil {
		return fmt.Errorf("create scratch folder: %w", err)
	}
	a.closers = append(a.closers, func() error { return os.RemoveAll(scratch) })
	records, err := catalog.OpenReadOnly(filepath.Join(a.state, "catalog.db"))
	if errors.Is(err, fs.ErrNotExist) { // the project has no data, and cannot get any
		return full
	}
	if err != nil {
		return failure.Wrap(failure.Transient, fmt.Errorf("%w; free space on the disk, or copy the project to another one", err))
	}
	a.closers = append(a.closers, records.Close)
	a.catalog = records
	if a.index, err = artifact.OpenPebbleReadOnly(a.indexFolder(), 0); err != nil {
		return err
	}
	a.closers = append(a.closers, a.index.Close)
	secret, err := ids.ReadSecret(ctx, records, filepath.Join(a.state, "identity.key"))
	if err != nil {
		return err
	}
	a.compose(object.NewFolder(filepath.Join(a.state, "objects")), records, scratch, secret)
	return nil
}
