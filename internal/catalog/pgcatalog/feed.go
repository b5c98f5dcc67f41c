// The change feed between processes: each transaction that writes notifies, and one connection of each process listens.

package pgcatalog

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"bursar/internal/failure"
)

const (
	// heartbeat is how often the listening connection is tested, if nothing else comes.
	heartbeat = 2 * time.Second
	// missedHeartbeats is after how many of them without an answer nothing is known of other processes' changes. So a reader that
	// caches by Changes is stale by the time that a message takes, and by at most six seconds if the network loses messages.
	missedHeartbeats = 3
)

// listener is the state of the listening connection.
type listener struct {
	every     time.Duration
	started   time.Time
	confirmed atomic.Int64 // when the connection last answered, since started; 0: it is not listening
}

// confirm notes that everything that was notified until now has arrived.
func (l *listener) confirm() { l.confirmed.Store(int64(time.Since(l.started)) + 1) }

func (l *listener) lose() { l.confirmed.Store(0) }

// knows reports whether changes of other processes arrive.
func (l *listener) knows() bool {
	at := l.confirmed.Load()
	return at != 0 && time.Since(l.started)-time.Duration(at) < missedHeartbeats*l.every
}

// Watch reports changes of all processes. While the listening connection is lost, only those of this process.
func (c *Catalog) Watch(ctx context.Context, prefix string) <-chan struct{} {
	return c.feed.Watch(ctx, prefix)
}

// Changes is catalog.Counted: a new number whenever something was written, and at every call while this cannot be known.
func (c *Catalog) Changes() uint64 {
	if !c.listener.knows() {
		c.feed.Doubt()
	}
	return c.feed.Count()
}

// channel is the name of the feed: channels belong to a database, and catalogs to a schema.
func (c *Catalog) channel() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.writer.Schema()))
	return fmt.Sprintf("bursar_catalog_%016x", h.Sum64())
}

// listen starts to listen. The connection is opened again when it is lost.
func (c *Catalog) listen(every time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	c.listener.every, c.listener.started = every, time.Now()
	c.listening.Go(func() {
		backoff := failure.Backoff{Least: 50 * time.Millisecond, Most: 5 * time.Second}
		for failures := 0; ctx.Err() == nil; {
			if listened := c.listenOnce(ctx); listened {
				failures = 0
			}
			c.listener.lose()
			failures++
			wait := backoff.After(failures)
			select {
			case <-time.After(wait/2 + rand.N(wait)):
			case <-ctx.Done():
			}
		}
	})
}

// listenOnce listens until the connection is lost, and reports whether it was established.
func (c *Catalog) listenOnce(ctx context.Context) (listened bool) {
	conn, err := c.reader.Connect(ctx)
	if err != nil {
		return false
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+c.channel()); err != nil {
		return false
	}
	c.feed.ChangedAll() // what happened before is not known
	c.listener.confirm()
	for c.receive(ctx, conn) {
		c.listener.confirm()
	}
	return true
}

// receive waits for a notification, or tests the connection if none comes. It reports whether the connection works.
func (c *Catalog) receive(ctx context.Context, conn *pgx.Conn) bool {
	waiting, cancel := context.WithTimeout(ctx, c.listener.every)
	defer cancel()
	notification, err := conn.WaitForNotification(waiting)
	if err == nil {
		c.report(notification.Payload)
		return true
	}
	if ctx.Err() != nil || waiting.Err() == nil {
		return false
	}
	testing, cancelTest := context.WithTimeout(ctx, missedHeartbeats*c.listener.every)
	defer cancelTest()
	return conn.Ping(testing) == nil
}

// report signals what a notification says.
func (c *Catalog) report(payload string) {
	var keys []string
	if payload == "" || json.Unmarshal([]byte(payload), &keys) != nil {
		c.feed.ChangedAll()
		return
	}
	c.feed.Changed(keys...)
}
