// A check of a database before a project uses it.

package pgcatalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/failure"
	"bursar/internal/postgres"
)

// notificationTimeout bounds the wait for the check's own notification.
const notificationTimeout = 5 * time.Second

// Check checks, without writing, that the catalog can be opened with this configuration and that notifications arrive.
func Check(ctx context.Context, config postgres.Config) (postgres.Report, error) {
	report, err := postgres.Check(ctx, config, component)
	if err != nil {
		return report, err
	}
	if err := checkNotifications(ctx, config); err != nil {
		return report, fmt.Errorf("check notifications: %w", err)
	}
	return report, nil
}

func checkNotifications(ctx context.Context, config postgres.Config) error {
	const channel = "bursar_check"
	pool, err := postgres.Open(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err = conn.Exec(ctx, "LISTEN "+channel); err == nil {
		_, err = pool.Exec(ctx, "SELECT pg_notify($1, '')", channel)
	}
	if err != nil {
		return postgres.Classify(err)
	}
	waiting, cancel := context.WithTimeout(ctx, notificationTimeout)
	defer cancel()
	if _, err := conn.WaitForNotification(waiting); err != nil && ctx.Err() == nil {
		return failure.Wrap(failure.Data,
			errors.New("a notification does not arrive; connect to the server itself, or to a connection pooler in session mode"))
	}
	return ctx.Err()
}
