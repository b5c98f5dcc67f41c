// Creates the demonstration's folder, or replaces that of an earlier demonstration.

package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"bursar/internal/app"
	"bursar/internal/failure"
)

// markName is the file that marks a folder as made by the demonstration, which may therefore be replaced.
const markName = ".bursar-demo"

const markText = "This folder was made by `bursar demo`, which replaces it when it is run again.\n"

// ignoreText keeps the folder out of version control.
const ignoreText = "*\n"

// makeFolder creates the folder, or empties it if a demonstration made it. Any other folder that is not empty is refused.
func (s *demonstration) makeFolder(ctx context.Context) error {
	entries, err := os.ReadDir(s.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(s.Dir, 0o755)
	case err == nil && len(entries) > 0:
		err = s.replace(ctx, entries)
	}
	if err != nil {
		return fmt.Errorf("make demo folder: %w", err)
	}
	// The mark is written first, so that a demonstration interrupted here can be replaced too.
	for _, file := range [][2]string{{markName, markText}, {".gitignore", ignoreText}} {
		if err := os.WriteFile(filepath.Join(s.Dir, file[0]), []byte(file[1]), 0o644); err != nil {
			return fmt.Errorf("make demo folder: %w", err)
		}
	}
	return nil
}

// replace empties a folder that a demonstration made, unless a process works in it.
func (s *demonstration) replace(ctx context.Context, entries []os.DirEntry) (err error) {
	text, err := os.ReadFile(filepath.Join(s.Dir, markName))
	if err != nil || string(text) != markText {
		return failure.Wrap(failure.Data, fmt.Errorf("%s is not empty and was not made by demo: name another folder", s.Dir))
	}
	if s.Keep {
		return failure.Wrap(failure.Data, fmt.Errorf("%s holds an earlier demo, which is kept: name another folder", s.Dir))
	}
	release, err := app.Lock(ctx, s.Dir, "demo", lockWait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	// The mark is not removed, so that an interrupted replacement can be repeated.
	for _, entry := range entries {
		if entry.Name() == markName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.Dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// lockWait is the maximum wait for a process that uses the folder of an earlier demonstration.
const lockWait = 10 * time.Second
