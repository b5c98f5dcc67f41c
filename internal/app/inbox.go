// The inbox of a project that is up.

package app

import (
	"context"
	"path/filepath"

	"bursar/internal/event"
	"bursar/internal/inbox"
	"bursar/internal/project"
)

func (a *App) inbox() string { return filepath.Join(filepath.Dir(a.state), "inbox") }

// watchInbox takes files in as they come to the inbox, until stop.
func (a *App) watchInbox(ctx context.Context) (stop func() error, err error) {
	o := inbox.Options{Dir: a.inbox(), Log: a.log, Take: func(ctx context.Context, stream string, paths []string) error {
		if stream == project.StatementStream && a.acceptsStatements() {
			return a.importInbox(ctx, paths)
		}
		_, err := a.Ingest(ctx, stream, paths, event.Options{})
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
