// The feed: the events of a stream after a cursor.

package app

import (
	"context"

	"bursar/internal/event/feed"
	"bursar/internal/reconcile"
)

// Feed returns the sealed events of a stream after a cursor. The text may also be empty, for all events, or feed.LatestText.
func (a *App) Feed(ctx context.Context, stream, after string, limit feed.Limit) (feed.Page, error) {
	s := a.Project.Stream(stream)
	if s == nil {
		return feed.Page{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	cursor, err := a.feed.After(ctx, stream, after)
	if err != nil {
		return feed.Page{}, err
	}
	return a.feed.Read(ctx, s, cursor, limit)
}

// AwaitEvents waits until any process has sealed a batch of a stream after a cursor, or ctx ends.
func (a *App) AwaitEvents(ctx context.Context, stream string, after feed.Cursor) error {
	return a.feed.Await(ctx, stream, after)
}
