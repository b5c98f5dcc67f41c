// The warning of acknowledged events that nobody takes in.

package main

import (
	"context"
	"fmt"

	"bursar/internal/app"
)

// withWarnings has every command warn of streams that were taken out of the project folder too early.
func (c *cli) withWarnings(do func(ctx context.Context, a *app.App) error) func(ctx context.Context, a *app.App) error {
	return func(ctx context.Context, a *app.App) error {
		c.warnStranded(ctx, a)
		return do(ctx, a)
	}
}

func (c *cli) warnStranded(ctx context.Context, a *app.App) {
	list, err := a.Stranded(ctx)
	if err != nil {
		c.log.Warn("look for acknowledged events of streams that are not declared", "error", err)
	}
	for _, s := range list {
		fmt.Fprintf(c.err, "warning: %s\n", printable(s.String()))
	}
}
