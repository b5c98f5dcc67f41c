// bursar up: runs the whole project in one process until it is stopped.

package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"bursar/internal/app"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/project"
	"bursar/internal/reconcile/runs"
	"bursar/internal/role"

	"github.com/spf13/cobra"
)

func (c *cli) upCommand() *cobra.Command {
	var o app.UpOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Serve the project until stopped: workers and the HTTP API",
		Long: `Runs the whole project in this process: every sealed batch is reconciled at once, and the HTTP API accepts events and
answers queries. Other commands on this project are executed in this process; use them as usual. Of a project that several processes
share, any number may run, on any machines, and commands work beside them:
` + "`bursar help several-machines`" + `.

The API listens on 127.0.0.1, on a port that is chosen once and kept; --listen HOST:PORT sets another address. It speaks plain
HTTP: to serve other machines, put a proxy with TLS in front of it. Requests carry the token in .bursar/token of the project
folder, or a token with a narrower scope, made with ` + "`bursar token create`" + `. GET /v1/openapi.yaml describes the API. Other
commands use a socket in .bursar that only its owner may open.

The project folder is read at the start: restart after changing it. SIGTERM, SIGHUP or Ctrl-C stops the process: requests in
progress end, open batches are sealed, and nothing is lost. A second signal ends the process at once; acknowledged events are
not lost then either.`,
		Example: `  bursar up
  bursar up --listen 0.0.0.0:8080
  token=$(cat .bursar/token)
  curl -H "Authorization: Bearer $token" http://127.0.0.1:8080/v1/status
  curl -H "Authorization: Bearer $token" -G http://127.0.0.1:8080/v1/pipelines/orders/artifacts --data-urlencode 'key=["o-1003","USD"]'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.up(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.Listen, "listen", "", "the `address` of the API, HOST:PORT")
	addPeerAddress(cmd, &o.PeerAddress)
	return cmd
}

func (c *cli) up(ctx context.Context, o app.UpOptions) error {
	a, err := app.Open(ctx, c.project, "up", c.log)
	var other *app.ServedError
	if errors.As(err, &other) {
		return withHint(err, "other commands talk to it; stop it with: kill %d", other.Process)
	}
	if err != nil {
		return err
	}
	return c.serve(ctx, a, o)
}

// serve serves an open project until it is stopped, and closes it.
func (c *cli) serve(ctx context.Context, a *app.App, o app.UpOptions) (err error) {
	signal.Ignore(syscall.SIGPIPE) // the project stays up when the reader of its output ends
	defer func() { err = errors.Join(err, a.Close()) }()
	c.warnStranded(ctx, a)
	t := &upReporter{cli: c, declared: a.Project}
	o.Commands, o.Ready = remoteCommands(a), t.ready
	o.Hooks = app.Hooks{OnSealed: t.sealed, OnPublished: t.published, OnFailed: t.failed, OnSlot: t.slot}
	err = a.Up(ctx, o)
	if err == nil {
		t.line(map[string]string{"event": "stopped"}, "Stopped: all acknowledged events are sealed.")
	}
	return err
}

// upReporter prints one line for each event of the process; with --json each line is a JSON value.
type upReporter struct {
	*cli
	declared *project.Project
	mu       sync.Mutex
}

func (t *upReporter) line(value any, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.json {
		_ = encode(t.out, value) // the reader may have ended
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
	server := u.Temporal
	if u.TemporalTLS != nil {
		server += ", with the TLS files in " + filepath.Dir(u.TemporalTLS.Key)
	}
	api := ""
	if u.Address != "" {
		api = "http://" + u.Address
	}
	warehouse := ""
	if u.Warehouse != "" {
		warehouse = u.Warehouse + ", for clients of PostgreSQL"
	}
	for _, row := range [][2]string{
		{"process", u.ID},
		{"roles", role.Join(u.Roles)},
		{"API", api},
		{"token", u.TokenFile},
		{"inbox", u.Inbox},
		{"peers", u.Peers},
		{"Temporal", server},
		{"warehouse", warehouse},
		{"jobs", namedJobs(u.Jobs)},
	} {
		if row[1] != "" {
			fmt.Fprintf(t.out, "  %-9s %s\n", row[0], printable(row[1]))
		}
	}
	if u.Address != "" && !u.Loopback {
		fmt.Fprintln(t.err, "warning: other machines can reach the API in plain HTTP: put a proxy with TLS in front of it")
	}
}

// shownJobs is the most jobs that are named.
const shownJobs = 5

func namedJobs(names []string) string {
	if more := len(names) - shownJobs; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shownJobs], ", "), more)
	}
	return strings.Join(names, ", ")
}

func (t *upReporter) sealed(r intake.Result) {
	t.line(struct {
		Event string `json:"event"`
		intake.Result
	}{"sealed", r}, fmt.Sprintf("Sealed batch %d of %s: %s, %s accepted, %s quarantined, %s already known.", r.Batch, r.Stream,
		plural(r.Rows, "row", "rows"), formatCount(r.Accepted), formatCount(r.Quarantined), formatCount(r.Duplicates)))
}

func (t *upReporter) published(r runs.Run) {
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

func (t *upReporter) slot(s record.Slot) {
	t.line(struct {
		Event string `json:"event"`
		record.Slot
	}{"slot", s}, describeAlert(&s, t.zoneOf(s.Job)))
}

// zoneOf returns the zone in which people see the slots of a job.
func (t *upReporter) zoneOf(job string) *time.Location {
	if j := t.declared.Job(job); j != nil {
		return zoneOf(j)
	}
	return time.UTC
}

// describeAlert says why a person should look at a slot.
func describeAlert(s *record.Slot, zone *time.Location) string {
	text := fmt.Sprintf("Slot %s is %s", s.In(zone), s.State)
	switch s.State {
	case slot.Waiting, slot.Running:
		text = fmt.Sprintf("Slot %s is late: it has not ended by its deadline", s.In(zone))
	case slot.Failed:
		text = fmt.Sprintf("Slot %s has failed", s.In(zone))
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	if s.Summary.Failed > 0 {
		text += fmt.Sprintf(": %s of %s", formatCount(s.Summary.Failed), plural(s.Summary.Tasks, "task", "tasks"))
	}
	if s.Summary.Error != "" {
		text += ": " + oneLine(s.Summary.Error)
	}
	if s.State == slot.Blocked {
		text += "; when that is repaired, " + adviseAgain(s, zone)
	}
	return text
}
