// lock.go lets one process at a time hold a project.

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"bursar/internal/failure"

	"github.com/gofrs/flock"
)

// lockPoll is how often a waiting command tries again.
const lockPoll = 50 * time.Millisecond

// holder is who has a project locked, for those who wait. It lies beside the lock and means nothing without it: a
// killed process leaves it behind, while the system frees the lock.
type holder struct {
	Process int       `json:"process"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// Lock takes the project in dir for a command (such as "run") and returns how to give it back, which may be called
// again. While another process has it, Lock tries again for the time given, and then fails naming that process.
func Lock(ctx context.Context, dir, command string, wait time.Duration) (release func() error, err error) {
	state := filepath.Join(dir, ".bursar")
	if err := os.MkdirAll(state, 0o700); errors.Is(err, syscall.ENOTDIR) {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("lock project %s: %s is in the way: it is no folder", dir, state))
	} else if err != nil {
		return nil, fmt.Errorf("lock project %s: %w", dir, err)
	}
	lock, beside := flock.New(filepath.Join(state, "lock")), filepath.Join(state, "lock.json")
	locked, err := tryLock(ctx, lock, wait)
	if err != nil {
		return nil, fmt.Errorf("lock project %s: %w", dir, err)
	}
	if !locked {
		return nil, failure.Wrap(failure.Transient, fmt.Errorf("%s; wait for it or stop it", describeHolder(beside)))
	}
	if err := writeHolder(beside, holder{Process: os.Getpid(), Command: command, Since: time.Now().UTC()}); err != nil {
		return nil, fmt.Errorf("lock project %s: %w", dir, errors.Join(err, lock.Unlock()))
	}
	return func() error { return unlock(lock, beside) }, nil
}

// tryLock reports whether the lock came free in time.
func tryLock(ctx context.Context, lock *flock.Flock, wait time.Duration) (bool, error) {
	patience, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	// The first try is made whatever the time: wait may be 0.
	if locked, err := lock.TryLock(); locked || err != nil {
		return locked, err
	}
	locked, err := lock.TryLockContext(patience, lockPoll)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return false, nil
	}
	return locked, err
}

// unlock removes the holder first, while nobody else can have written it.
func unlock(lock *flock.Flock, beside string) error {
	if !lock.Locked() {
		return nil
	}
	err := os.Remove(beside)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, lock.Unlock()); err != nil {
		return fmt.Errorf("unlock project: %w", err)
	}
	return nil
}

func writeHolder(path string, h holder) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// describeHolder says who holds the project; a process that took it this moment may not have written its name yet.
func describeHolder(path string) string {
	var h holder
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil {
		return "project is held by another process"
	}
	return fmt.Sprintf("project is held by process %d (`bursar %s`) since %s", h.Process, h.Command, h.Since.Format(time.RFC3339))
}
