// The lock that lets one process at a time open a project.

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

	"github.com/gofrs/flock"

	"bursar/internal/durable"
	"bursar/internal/failure"
)

// lockPoll is how often a waiting command tries again.
const lockPoll = 50 * time.Millisecond

// lockOwner describes the process that has locked a project. Its file means nothing unless the lock is held: a killed process
// leaves the file behind, while the system frees the lock.
type lockOwner struct {
	Process int       `json:"process"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// serveCommand is the command that keeps a project locked and runs the commands of other processes.
const serveCommand = "up"

// ServedError is returned for a project that a running `bursar up` has locked.
type ServedError struct {
	State string // the folder of the project's state
	lockOwner
}

func (e *ServedError) Error() string { return e.String() }

// Class is Transient: the other process may stop.
func (e *ServedError) Class() failure.Class { return failure.Transient }

// IsRunning reports whether the same process still has the project locked.
func (e *ServedError) IsRunning() bool {
	var now *ServedError
	return errors.As(Served(filepath.Dir(e.State)), &now) && now.Process == e.Process
}

// Served returns a *ServedError if a running `bursar up` has locked the project in dir. It changes nothing.
func Served(dir string) error {
	state := filepath.Join(dir, ".bursar")
	// The lock is shared, so that two processes that only look do not see each other as the owner.
	for _, lock := range projectLocks(state) {
		if _, err := os.Stat(lock.Path()); err != nil {
			continue // it was never locked
		}
		free, err := lock.TryRLock()
		_ = lock.Close() // nothing was written
		if err == nil && !free {
			return findServer(filepath.Join(state, "lock.json"))
		}
	}
	return nil
}

// projectLocks returns the two locks of a project. One is the state folder itself, which cannot be replaced unnoticed. The
// other is a file, for file systems that cannot lock folders, and because earlier versions lock only the file.
func projectLocks(state string) []*flock.Flock {
	return []*flock.Flock{
		flock.New(state, flock.SetFlag(os.O_RDONLY)),
		flock.New(filepath.Join(state, "lock"), flock.SetFlag(os.O_RDONLY|os.O_CREATE), flock.SetPermissions(0o600)),
	}
}

// findServer returns a *ServedError if the owner of the lock is `bursar up`.
func findServer(ownerPath string) error {
	if h, err := readOwner(ownerPath); err == nil && h.Command == serveCommand {
		return &ServedError{filepath.Dir(ownerPath), h}
	}
	return nil
}

// Lock locks the project in dir for a command (such as "run"). release may be called more than once. While another process has
// the lock, Lock tries again until wait has passed, and then fails with an error that names that process. For a process that
// serves the project it returns a *ServedError at once.
func Lock(ctx context.Context, dir, command string, wait time.Duration) (release func() error, err error) {
	state := filepath.Join(dir, ".bursar")
	if err := durable.MakeFolder(state); errors.Is(err, syscall.ENOTDIR) {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("lock project %s: %s is not a folder", dir, state))
	} else if err != nil {
		return nil, fmt.Errorf("lock project %s: %w", dir, err)
	}
	flocks, ownerPath := projectLocks(state), filepath.Join(state, "lock.json")
	acquired, err := tryLock(ctx, flocks, ownerPath, wait)
	var served *ServedError
	if errors.As(err, &served) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("lock project %s: %w", dir, err)
	}
	if !acquired {
		owner := "project is locked by another process" // which may not have written its name yet
		if h, err := readOwner(ownerPath); err == nil {
			owner = h.String()
		}
		return nil, failure.Wrap(failure.Transient, fmt.Errorf("%s; wait for it or stop it", owner))
	}
	text, err := json.Marshal(lockOwner{Process: os.Getpid(), Command: command, Since: time.Now().UTC()})
	if err == nil {
		err = os.WriteFile(ownerPath, text, 0o600)
	}
	if err != nil {
		_ = os.Remove(ownerPath) // it may name an earlier owner
	}
	if err != nil && !isUnwritable(err) { // the lock works without the owner's name
		return nil, fmt.Errorf("lock project %s: %w", dir, errors.Join(err, unlockAll(flocks)))
	}
	return func() error { return releaseLocks(flocks, ownerPath) }, nil
}

// isUnwritable reports whether an error means that the disk is full or read-only.
func isUnwritable(err error) bool {
	return isDiskFull(err) || errors.Is(err, syscall.EROFS)
}

// tryLock tries to lock until wait has passed, and reports whether it succeeded.
func tryLock(ctx context.Context, flocks []*flock.Flock, ownerPath string, wait time.Duration) (bool, error) {
	waitCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		// The first attempt is made even if wait is 0.
		if locked, err := tryLockAll(flocks); locked || err != nil {
			return locked, err
		}
		if err := findServer(ownerPath); err != nil {
			return false, err
		}
		select {
		case <-tick.C:
		case <-waitCtx.Done():
			return false, ctx.Err()
		}
	}
}

// tryLockAll takes both locks or none. On a file system that cannot lock folders the file's lock is enough, and on a disk that
// cannot be written the folder's.
func tryLockAll(flocks []*flock.Flock) (bool, error) {
	folder, err := flocks[0].TryLock()
	if err == nil && !folder {
		return false, nil
	}
	file, err := flocks[1].TryLock()
	if err != nil && folder && isUnwritable(err) {
		return true, nil
	}
	if !file {
		return false, errors.Join(err, flocks[0].Unlock())
	}
	return true, nil
}

// releaseLocks removes the owner's file first, while no other process can have written it.
func releaseLocks(flocks []*flock.Flock, ownerPath string) error {
	if !flocks[0].Locked() && !flocks[1].Locked() {
		return nil
	}
	err := os.Remove(ownerPath)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EROFS) {
		err = nil
	}
	if err = errors.Join(err, unlockAll(flocks)); err != nil {
		return fmt.Errorf("unlock project: %w", err)
	}
	return nil
}

func unlockAll(flocks []*flock.Flock) error {
	return errors.Join(flocks[1].Unlock(), flocks[0].Unlock())
}

func readOwner(path string) (h lockOwner, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	return h, err
}

func (h lockOwner) String() string {
	return fmt.Sprintf("project is locked by process %d (`bursar %s`) since %s", h.Process, h.Command, h.Since.Format(time.RFC3339))
}
