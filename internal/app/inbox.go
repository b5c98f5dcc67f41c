// The inbox of a running project: files put into its subfolders are ingested or imported.

package app

import (
	"context"
	"path/filepath"

	"bursar/internal/event/intake"
	"bursar/internal/inbox"
	"bursar/internal/project"
)

func (a *App) inbox() string { return filepath.Join(filepath.Dir(a.state), "inbox") }

// watchInbox processes files as they arrive in the inbox, until stop is called.
func (a *App) watchInbox(ctx context.Context) (stop func() error, err error) {
	o := inbox.Options{Dir: a.inbox(), Log: a.log, Ingest: func(ctx context.Context, stream string, paths []string) error {
		if stream == project.StatementStream && a.acceptsStatements() {
			return a.importInbox(ctx, paths)
		}
		_, err := a.Ingest(ctx, stream, paths, intake.Options{})
		return err
	}}
	if a.acceptsStatements() {
		o.Streams = append(o.Streams, project.StatementStream)
	}
	for _, s := range a.Project.Streams {
		o.Streams = append(o.Streams, s.Name)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		inbox.Watch(ctx, o)
	}()
	return func() error {
		cancel()
		<-ended
		return nil
	}, nil
}
