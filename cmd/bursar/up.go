// bursar up: the whole project in one process, until it is told to stop.

package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"bursar/internal/app"
	"bursar/internal/failure"

	"github.com/spf13/cobra"
)

func (c *cli) upCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Serve the project until stopped: workers and the HTTP API",
		Long: `Brings the whole project up in this process: every sealed batch is reconciled as it comes, events are taken in and
questions answered over HTTP, and other commands on this project are carried out here, so that they may be used as ever.

The API listens on 127.0.0.1, at a port that is chosen once and kept; --listen HOST:PORT says otherwise. It speaks plain
HTTP: beyond this machine, put something in front of it that speaks TLS. Requests carry the token that lies in
.bursar/token of the project folder, or one that ` + "`bursar token create`" + ` made for less. GET /v1/openapi.yaml describes all of it.
Other commands come through a socket in .bursar, which only its owner may open.

The project folder is read at the start: after changing it, stop and start again. SIGTERM, SIGHUP or Ctrl-C stops: requests under way
end, what is open is sealed, and nothing is lost; a second one ends the process at once, which loses nothing either.`,
		Example: `  bursar up
  bursar up --listen 0.0.0.0:8080
  token=$(cat .bursar/token)
  curl -H "Authorization: Bearer $token" http://127.0.0.1:8080/v1/status
  curl -H "Authorization: Bearer $token" -G http://127.0.0.1:8080/v1/pipelines/orders/artifacts --data-urlencode 'key=["o-1003","USD"]'`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.up(cmd.Context(), listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", "", "the `address` of the API, HOST:PORT")
	return cmd
}

func (c *cli) up(ctx context.Context, listen string) (err error) {
	signal.Ignore(syscall.SIGPIPE) // whoever reads what it prints may go away; the project stays up
	a, err := app.Open(ctx, c.project, "up", c.log)
	var other *app.ServedError
	if errors.As(err, &other) {
		return withHint(err, "other commands talk to it; stop it with: kill %d", other.Process)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	c.warnStranded(ctx, a)
	t := &upReporter{cli: c}
	err = a.Up(ctx, app.UpOptions{
		Listen: listen, Commands: remoteCommands{a}, Ready: t.ready,
		Told: app.Told{Sealed: t.sealed, Published: t.published, Failed: t.failed},
	})
	if err == nil {
		t.line(map[string]string{"event": "stopped"}, "Stopped: everything taken in is sealed.")
	}
	return err
}

// upReporter prints a line for whatever happens; with --json each is a JSON value.
type upReporter struct {
	*cli
	mu sync.Mutex
}

func (t *upReporter) line(value any, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.json {
		_ = encode(t.out, value) // nobody may be reading
		return
	}
	fmt.Fprintln(t.out, printable(text))
}

func (t *upReporter) ready(u app.Up) {
	t.line(struct {
		Event string `json:"event"`
		app.Up
	}{"ready", u}, fmt.Sprintf("Bursar is up in process %d. Ctrl-C stops it.", u.Process))
	if t.json {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, row := range [][2]string{
		{"API", "http://" + u.Address},
		{"token", u.TokenFile},
		{"inbox", u.Inbox},
		{"Temporal", u.Temporal + ", with the TLS files in " + filepath.Dir(u.TemporalTLS.Key)},
	} {
		fmt.Fprintf(t.out, "  %-9s %s\n", row[0], printable(row[1]))
	}
	if !u.Loopback {
		fmt.Fprintln(t.err, "warning: the API is reached from other machines, in plain HTTP: put TLS in front of it")
	}
}

func (t *upReporter) sealed(r app.IngestResult) {
	t.line(struct {
		Event string `json:"event"`
		app.IngestResult
	}{"sealed", r}, fmt.Sprintf("Sealed batch %d of %s: %s, %s accepted, %s quarantined, %s known already.", r.Batch, r.Stream,
		plural(r.Rows, "row", "rows"), formatCount(r.Accepted), formatCount(r.Quarantined), formatCount(r.Duplicates)))
}

func (t *upReporter) published(r app.Run) {
	row := newRunResult(&r)
	t.line(struct {
		Event string `json:"event"`
		runResult
	}{"published", row}, fmt.Sprintf("Published run %d of %s: %s in %s, %s created, %s updated, %.2f s.", r.Run, r.Pipeline,
		plural(r.Events, "event", "events"), plural(len(r.Batches), "batch", "batches"), formatCount(r.Created), formatCount(r.Updated), row.Seconds))
}

func (t *upReporter) failed(pipeline string, err error) {
	class := failure.Of(err).String()
	t.line(map[string]string{"event": "failed", "pipeline": pipeline, "class": class, "error": err.Error()},
		fmt.Sprintf("Failed: %s: %s [%s]", pipeline, oneLine(err.Error()), class))
}
