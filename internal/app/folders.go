// Project folders that differ between the machines of a project: a process declines what its folder does not match, and another one does it.

package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
)

// sameFolder is what to do about folders that differ.
const sameFolder = "all machines need the same folder: copy it from the machine on which it was changed last"

// checkDeclaration refuses a stream into which this process cannot ingest: its project folder does not declare it, or declares it otherwise than the
// catalog. Class Data.
func (a *App) checkDeclaration(ctx context.Context, stream string) error {
	declared := a.Project.Stream(stream)
	if declared == nil {
		return failure.Wrap(failure.Data, fmt.Errorf("stream %s %w", stream, errUndeclared))
	}
	return event.CheckGrowth(ctx, a.Events.Catalog, declared)
}

var errUndeclared = errors.New("is not declared in the project folder of this process")

// checkDeclarations refuses a folder whose streams do not extend the schemas of their events. Class Data.
func (a *App) checkDeclarations(ctx context.Context) error {
	faults, err := findGrowthFaults(ctx, a.Project.Streams, a.Events.Catalog)
	switch {
	case err != nil || len(faults) == 0:
		return err
	case a.IsShared():
		return withSameFolder(&ProjectError{Errors: faults})
	}
	return &ProjectError{Errors: faults}
}

// withSameFolder adds the next step to an error.
func withSameFolder(err error) error { return fmt.Errorf("%w; %s", err, sameFolder) }

func isSchemaFault(err error) bool { return errors.As(err, new(*event.GrowthError)) }

// declinedError is the error of work for which the folder of a process does not match. Another process may have the folder that does, or this
// one after its next start. Class Transient.
type declinedError struct {
	process string
	text    string // names of what is declared only
	cause   error
}

func (e *declinedError) Error() string        { return e.PlainText() }
func (e *declinedError) Unwrap() error        { return e.cause }
func (e *declinedError) Class() failure.Class { return failure.Transient }

// DeclinedByProcess makes a workflow ask other processes.
func (e *declinedError) DeclinedByProcess() {}

// ExitCode is 1, whatever that of the cause is: the folder of the process that waits for the work may match.
func (e *declinedError) ExitCode() int { return 1 }

// PlainText is the whole: it contains no values of events (rule 7).
func (e *declinedError) PlainText() string { return fmt.Sprintf("process %s: %s", e.process, e.text) }

// decline makes the error of a pipeline's work a declinedError if the folder of this process is the reason and several processes share
// the project.
func (a *App) decline(pipeline string, err error) error {
	if err == nil || !a.IsShared() {
		return err
	}
	d := &declinedError{process: a.shared.process.ID, cause: err}
	var changed *runs.ChangedError
	var growth *event.GrowthError
	switch {
	case a.Project.Pipeline(pipeline) == nil:
		d.text = fmt.Sprintf("pipeline %s is not in its project folder; %s", pipeline, sameFolder)
	case errors.As(err, &growth):
		d.text = fmt.Sprintf("%v; %s", growth, sameFolder)
	case errors.As(err, &changed) && changed.Definitions:
		d.text = fmt.Sprintf("pipeline %s is defined otherwise (%s) in its project folder than where its artifacts were made; %s, and if they have it, run `bursar rebuild %s`",
			pipeline, strings.Join(changed.Changed, ", "), sameFolder, pipeline)
	default:
		return err
	}
	a.warnDeclined("pipeline", pipeline, d)
	return d
}

// checkDefinitions refuses to run a pipeline of which the artifacts that readers see were made by other definitions than those in the folder of
// this process, before others are asked for what none of them may do. Class Data.
func (a *App) checkDefinitions(ctx context.Context, g *runs.Generation) error {
	if !a.IsShared() || g.Generation == 0 {
		return nil
	}
	plan, err := a.Engine.Plan(ctx, g.Pipeline)
	if err == nil {
		err = runs.CheckFingerprint(plan, g.Fingerprint)
	}
	if err != nil {
		return fmt.Errorf("plan run of %s: %w", g.Pipeline, err)
	}
	return nil
}

// keepFile makes the error of a file in the inbox transient if the folder of this process is the reason and several processes share the
// project: the file stays for another process, or for this one with the right folder.
func (a *App) keepFile(err error) error {
	if !a.IsShared() || !isSchemaFault(err) {
		return err
	}
	return failure.Wrap(failure.Transient, withSameFolder(err))
}

// warnDeclined logs, once for each reason, that this process leaves a stream, a pipeline or a job to others.
func (a *App) warnDeclined(kind, name string, err error) {
	key, reason := kind+" "+name, err.Error()
	if before, _ := a.shared.declined.Swap(key, reason); before != reason {
		a.log.Warn("this process leaves a "+kind+" to others, because its project folder does not match", kind, name, "error", err)
	}
}
