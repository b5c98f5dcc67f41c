// Warns of acknowledged events that cannot be sealed because their stream is not declared any more.

package main

import (
	"context"
	"fmt"

	"bursar/internal/app"
)

// withWarnings makes a command warn about acknowledged events of streams that are not declared any more.
func (c *cli) withWarnings(do func(ctx context.Context, a *app.App) error) func(ctx context.Context, a *app.App) error {
	return func(ctx context.Context, a *app.App) error {
		c.warnStranded(ctx, a)
		return do(ctx, a)
	}
}

func (c *cli) warnStranded(ctx context.Context, a *app.App) {
	list, err := a.Stranded(ctx)
	if err != nil {
		c.log.Warn("cannot look for acknowledged events of undeclared streams", "error", err)
	}
	for _, s := range list {
		fmt.Fprintf(c.err, "warning: %s\n", printable(s.String()))
	}
}
