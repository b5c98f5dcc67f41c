// bursar feed: prints the events of a stream after a cursor.

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"bursar/internal/app"
	"bursar/internal/event/feed"

	"github.com/spf13/cobra"
)

// feedPage bounds what is read, and printed, at a time.
var feedPage = feed.Limit{Rows: 10_000, Bytes: 16 << 20}

// feedFlags are those of `bursar feed`.
type feedFlags struct {
	after  string
	limit  int
	follow bool
}

func (c *cli) feedCommand() *cobra.Command {
	var f feedFlags
	cmd := &cobra.Command{
		Use:   "feed STREAM",
		Short: "Print the events of a stream since a cursor",
		Long: `Prints the events of sealed batches as JSON lines, in the order of sealing, and within a batch by receipt. At the end the cursor
is printed after which the next ones are: with --after, no event is left out, and none comes twice. The same cursor always gives the
same events; one that was retracted later has "_retracted": true.

--follow goes on with events as they are sealed, while ` + "`bursar up`" + ` runs. --json prints pages instead of events, one in a line, each with
its cursor: what GET /v1/streams/STREAM/events answers.`,
		Example: `  bursar feed payments
  bursar feed account_transactions --after latest --follow
  bursar feed payments --after AXCaCbI --limit 100 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.after != feed.LatestText {
				if _, err := feed.ParseCursor(args[0], f.after); err != nil {
					return usagef("--after: %v", err)
				}
			}
			err := c.openToRead(cmd, func(ctx context.Context, a *app.App) error { return c.openFeed(ctx, a, args[0], &f) })
			if f.follow && cmd.Context().Err() != nil {
				return nil // who follows has had enough
			}
			return err
		},
	}
	cmd.Flags().StringVar(&f.after, "after", "", "begin after this `cursor`, or with \"latest\" after what is sealed now")
	cmd.Flags().BoolVar(&f.follow, "follow", false, "go on with events as they are sealed")
	countVar(cmd.Flags(), &f.limit, "limit", 0, "maximum number of events; 0 is all")
	return cmd
}

func (c *cli) openFeed(ctx context.Context, a *app.App, stream string, f *feedFlags) error {
	if _, err := findStream(a, stream); err != nil {
		return err
	}
	if f.follow && c.remote == nil && !a.IsShared() {
		return usagef("--follow needs `bursar up`: without it, nothing is sealed while this command has the project")
	}
	return c.feed(ctx, a, stream, f)
}

// feed prints pages to the end, or until ctx ends if it follows.
func (c *cli) feed(ctx context.Context, a *app.App, stream string, f *feedFlags) error {
	left, after, printed := f.limit, f.after, false
	if left == 0 {
		left = math.MaxInt
	}
	for {
		page, err := a.Feed(ctx, stream, after, feed.Limit{Rows: min(left, feedPage.Rows), Bytes: feedPage.Bytes})
		if err != nil {
			return err
		}
		if len(page.Events) > 0 || c.json && !printed {
			if err := c.printPage(&page); err != nil {
				return err
			}
			printed = true
		}
		left, after = left-len(page.Events), page.Next
		if left > 0 && page.More {
			continue
		}
		if left > 0 && f.follow {
			if err := a.AwaitEvents(ctx, stream, page.Cursor()); err != nil {
				return err
			}
			continue
		}
		if !c.json {
			fmt.Fprintf(c.err, "next: bursar feed %s --after %s\n", stream, after)
		}
		return nil
	}
}

func (c *cli) printPage(page *feed.Page) error {
	out := bufio.NewWriter(c.out)
	if c.json {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(page); err != nil {
			return err
		}
		return out.Flush()
	}
	for _, e := range page.Events {
		_, _ = out.Write(e) // Flush returns the error
		_ = out.WriteByte('\n')
	}
	return out.Flush()
}
