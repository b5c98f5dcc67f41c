// Project folders that differ between the machines of a project: a process leaves what its folder is too old for to others.

package app

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/event"
	"bursar/internal/failure"
)

// sameFolder is what to do about folders that differ.
const sameFolder = "all machines need the same folder"

// checkFolder refuses a stream into which this process cannot ingest, because its project folder is older than that of another process. Class Data.
func (a *App) checkFolder(ctx context.Context, stream string) error {
	declared := a.Project.Stream(stream)
	if declared == nil {
		return failure.Wrap(failure.Data, fmt.Errorf("stream %s is not declared in the project folder of this process", stream))
	}
	return event.CheckGrowth(ctx, a.Events.Catalog, declared)
}

// checkFolderWhole refuses a folder that is older than the events of a stream. Class Data.
func (a *App) checkFolderWhole(ctx context.Context) error {
	if faults := findGrowthFaults(ctx, a.Project.Streams, a.Events.Catalog); len(faults) > 0 {
		return &ProjectError{Errors: faults}
	}
	return nil
}

func isOlder(err error) bool { return errors.As(err, new(*event.GrowthError)) }

// leaveToOthers makes the error of work for which the folder of this process is too old a transient one, and names the process: another one may
// have the newer folder, or this one after its next start.
func (a *App) leaveToOthers(err error) error {
	if !a.shared.serves || !isOlder(err) {
		return err
	}
	return failure.Wrap(failure.Transient, fmt.Errorf("process %s: %w; %s", a.shared.process.ID, err, sameFolder))
}

// warnOlder logs, once, that this process does not own a stream because of its folder.
func (a *App) warnOlder(stream string, err error) {
	if failure.Of(err) != failure.Data {
		return
	}
	if before, _ := a.shared.declined.Swap(stream, err.Error()); before != err.Error() {
		a.log.Warn("this process leaves a stream to others, because its project folder is too old for it: "+sameFolder, "stream", stream, "error", err)
	}
}
