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

// lockOwner is who has a project locked, for those who wait. It lies beside the lock and means nothing without it: a
// killed process leaves it behind, while the system frees the lock.
type lockOwner struct {
	Process int       `json:"process"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// serveCommand is the command that holds a project and carries out those of others meanwhile.
const serveCommand = "up"

// ServedError is what taking a project returns that a running `bursar up` holds.
type ServedError struct {
	State   string // the folder of the project's state
	Process int
	Since   time.Time
}

func (e *ServedError) Error() string {
	return lockOwner{e.Process, serveCommand, e.Since}.String()
}

// Class is Transient: it may be stopped in a moment.
func (e *ServedError) Class() failure.Class { return failure.Transient }

// IsRunning reports whether the same process still has the project.
func (e *ServedError) IsRunning() bool {
	var now *ServedError
	return errors.As(Served(filepath.Dir(e.State)), &now) && now.Process == e.Process
}

// Served returns a *ServedError if a running `bursar up` holds the project in dir. It touches nothing.
func Served(dir string) error {
	state := filepath.Join(dir, ".bursar")
	// Shared, so that two who look do not take each other for a holder.
	for _, lock := range projectLocks(state) {
		if _, err := os.Stat(lock.Path()); err != nil {
			continue // what was never locked is held by nobody
		}
		free, err := lock.TryRLock()
		_ = lock.Close() // nothing was written
		if err == nil && !free {
			return findServer(filepath.Join(state, "lock.json"))
		}
	}
	return nil
}

// projectLocks are what a process has locked that holds a project: the folder itself, as it cannot be deleted unnoticed under the one who
// works in it, and a file, which earlier versions lock and file systems that lock no folders, too.
func projectLocks(state string) []*flock.Flock {
	return []*flock.Flock{
		flock.New(state, flock.SetFlag(os.O_RDONLY)),
		flock.New(filepath.Join(state, "lock"), flock.SetFlag(os.O_RDONLY|os.O_CREATE), flock.SetPermissions(0o600)),
	}
}

// findServer returns a *ServedError if the holder of a lock serves others.
func findServer(ownerPath string) error {
	if h, err := readOwner(ownerPath); err == nil && h.Command == serveCommand {
		return &ServedError{filepath.Dir(ownerPath), h.Process, h.Since}
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
		return nil, failure.Wrap(failure.Transient, fmt.Errorf("%s; wait for it or stop it", describeOwner(ownerPath)))
	}
	err = writeOwner(ownerPath, lockOwner{Process: os.Getpid(), Command: command, Since: time.Now().UTC()})
	if err != nil {
		_ = os.Remove(ownerPath) // it may name an earlier one
	}
	if err != nil && !isUnwritable(err) { // without a name others wait all the same
		return nil, fmt.Errorf("lock project %s: %w", dir, errors.Join(err, unlockAll(flocks)))
	}
	return func() error { return releaseLocks(flocks, ownerPath) }, nil
}

// isUnwritable reports whether an error is that of a disk that cannot be written, or has no room.
func isUnwritable(err error) bool {
	return isDiskFull(err) || errors.Is(err, syscall.EROFS)
}

// tryLock reports whether the lock came free in time.
func tryLock(ctx context.Context, flocks []*flock.Flock, ownerPath string, wait time.Duration) (bool, error) {
	waitCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		// The first try is made whatever the time: wait may be 0.
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

// tryLockAll takes both locks or none. A folder that cannot be locked here leaves it to the file, and a file that cannot be made on
// a disk that takes nothing to the folder.
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

// releaseLocks removes the holder first, while nobody else can have written it.
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

func writeOwner(path string, h lockOwner) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func readOwner(path string) (h lockOwner, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	return h, err
}

// describeOwner says who holds the project; a process that took it this moment may not have written its name yet.
func describeOwner(path string) string {
	h, err := readOwner(path)
	if err != nil {
		return "project is held by another process"
	}
	return h.String()
}

func (h lockOwner) String() string {
	return fmt.Sprintf("project is held by process %d (`bursar %s`) since %s", h.Process, h.Command, h.Since.Format(time.RFC3339))
}
