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

// serving is the command that holds a project and carries out those of others meanwhile.
const serving = "up"

// ServedError is what taking a project returns that a running `bursar up` holds.
type ServedError struct {
	State   string // the folder of the project's state
	Process int
	Since   time.Time
}

func (e *ServedError) Error() string {
	return holder{e.Process, serving, e.Since}.String()
}

// Class is Transient: it may be stopped in a moment.
func (e *ServedError) Class() failure.Class { return failure.Transient }

// Held reports whether the same process still has the project.
func (e *ServedError) Held() bool {
	var now *ServedError
	return errors.As(Served(filepath.Dir(e.State)), &now) && now.Process == e.Process
}

// Served returns a *ServedError if a running `bursar up` holds the project in dir. It touches nothing.
func Served(dir string) error {
	state := filepath.Join(dir, ".bursar")
	if _, err := os.Stat(filepath.Join(state, "lock")); err != nil {
		return nil //nolint:nilerr // what was never locked is held by nobody
	}
	lock := flock.New(filepath.Join(state, "lock"), flock.SetFlag(os.O_RDONLY))
	// Shared, so that two who look do not take each other for a holder.
	if free, err := lock.TryRLock(); err != nil || free {
		return lock.Close()
	}
	return servedBy(filepath.Join(state, "lock.json"))
}

// servedBy returns a *ServedError if the holder of a lock serves others.
func servedBy(beside string) error {
	if h, err := readHolder(beside); err == nil && h.Command == serving {
		return &ServedError{filepath.Dir(beside), h.Process, h.Since}
	}
	return nil
}

// Lock takes the project in dir for a command (such as "run") and returns how to give it back, which may be called
// again. While another process has it, Lock tries again for the time given, and then fails naming that process; a process
// that serves the project has it for long, so Lock returns its *ServedError at once.
func Lock(ctx context.Context, dir, command string, wait time.Duration) (release func() error, err error) {
	state := filepath.Join(dir, ".bursar")
	if err := os.MkdirAll(state, 0o700); errors.Is(err, syscall.ENOTDIR) {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("lock project %s: %s is in the way: it is no folder", dir, state))
	} else if err != nil {
		return nil, fmt.Errorf("lock project %s: %w", dir, err)
	}
	lock, beside := flock.New(filepath.Join(state, "lock")), filepath.Join(state, "lock.json")
	locked, err := tryLock(ctx, lock, beside, wait)
	var served *ServedError
	if errors.As(err, &served) {
		return nil, err
	}
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
func tryLock(ctx context.Context, lock *flock.Flock, beside string, wait time.Duration) (bool, error) {
	patience, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		// The first try is made whatever the time: wait may be 0.
		if locked, err := lock.TryLock(); locked || err != nil {
			return locked, err
		}
		if err := servedBy(beside); err != nil {
			return false, err
		}
		select {
		case <-tick.C:
		case <-patience.Done():
			return false, ctx.Err()
		}
	}
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

func readHolder(path string) (h holder, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	return h, err
}

// describeHolder says who holds the project; a process that took it this moment may not have written its name yet.
func describeHolder(path string) string {
	h, err := readHolder(path)
	if err != nil {
		return "project is held by another process"
	}
	return h.String()
}

func (h holder) String() string {
	return fmt.Sprintf("project is held by process %d (`bursar %s`) since %s", h.Process, h.Command, h.Since.Format(time.RFC3339))
}
