// What tasks of jobs use of an open project: the warehouse, the mail server, settings, and Bursar's own commands.

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/job/mail"
	"bursar/internal/job/task"
	"bursar/internal/project"
	"bursar/internal/serve"
	"bursar/internal/vault"
	"bursar/internal/warehouse"
	questions "bursar/internal/warehouse/ask"
)

// executor returns the executor of a job's tasks.
func (a *App) executor(j *project.Job) (*task.Executor, error) {
	a.jobs.mu.Lock()
	defer a.jobs.mu.Unlock()
	if e := a.jobs.executors[j.Name]; e != nil {
		return e, nil
	}
	e, err := task.New(j, a.taskDeps(j))
	if err != nil {
		return nil, err
	}
	if a.jobs.executors == nil {
		a.jobs.executors = map[string]*task.Executor{}
	}
	a.jobs.executors[j.Name] = e
	return e, nil
}

// taskDeps returns what the tasks of a job use; a.jobs.mu is held.
func (a *App) taskDeps(j *project.Job) task.Deps {
	d := task.Deps{
		Dir:     a.Project.Dir,
		Setting: func(key, text string) (string, error) { return a.settingOf(j.File, j.Lines().At(key), key, text) },
		Hidden:  a.Project.EnvironmentVariables(),
		Command: a.executeTaskCommand,
	}
	if a.hasWarehouse() {
		if a.jobs.conditions == nil {
			a.jobs.conditions = newConditions(a.askConditions)
		}
		d.SQL, d.Ask = a.executeTaskSQL, a.jobs.conditions.isTrue
	}
	if m := a.Project.Config.Mail; m.Address != "" {
		d.Mail = a.mailClient
		if m.Sent != "" {
			d.Sent = a.isSent
		}
	}
	return d
}

// mailClient returns the client of the mail server.
func (a *App) mailClient() (task.Sender, error) {
	a.jobs.mu.Lock()
	defer a.jobs.mu.Unlock()
	if a.jobs.mail != nil {
		return a.jobs.mail, nil
	}
	declared := a.Project.Config.Mail
	config, password := mail.Config{TLS: declared.TLS, Connections: declared.Connections}, ""
	for _, s := range []struct {
		key, text string
		to        *string
	}{{"address", declared.Address, &config.Address}, {"user", declared.User, &config.User}, {"password", declared.Password, &password}, {"from", declared.From, &config.From}} {
		var err error
		if *s.to, err = a.setting("mail."+s.key, s.text); err != nil {
			return nil, err
		}
	}
	config.Password = vault.NewSecret(password)
	if vault.IsSecret(declared.Address) {
		config.Name = declared.Address
	}
	a.jobs.mail = mail.NewClient(config)
	return a.jobs.mail, nil
}

// isSent asks the mailbox whether the message of a task was sent.
func (a *App) isSent(ctx context.Context, id string) (bool, error) {
	box, err := a.mailbox("")
	if err != nil {
		return false, err
	}
	return box.Sent(ctx, mail.MessageID(id))
}

// executeTaskCommand executes one of Bursar's commands on the open project.
func (a *App) executeTaskCommand(ctx context.Context, args []string, out io.Writer) int {
	if a.jobs.commands == nil {
		panic("commands of tasks are not set") // by the command that opened the project
	}
	args = append([]string{"--project", a.Project.Dir}, args...)
	return a.jobs.commands(ctx, serve.Command{Args: args, Directory: a.Project.Dir}, out, out)
}

// tasksTable has a row for each SQL task that was executed: it is written in the same transaction.
const tasksTable = "bursar_job_tasks"

var tasksColumns = []column.Field{
	{Name: "task", Type: column.Type{Kind: column.String}},
	{Name: "executed", Type: column.Type{Kind: column.Timestamp}},
}

// executeTaskSQL executes a statement once for a task: its effects and the record of it are one transaction.
func (a *App) executeTaskSQL(ctx context.Context, statement, id string) error {
	db, err := a.awaitWarehouse(ctx)
	if err != nil {
		return err
	}
	err = db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := ensureTasksTable(ctx, tx); err != nil {
			return err
		}
		table, executed := warehouse.Quote(db, tasksTable), false
		query := fmt.Sprintf("SELECT task FROM %s WHERE task = %s", table, warehouse.Literal(id))
		err := tx.Query(ctx, query, func(_ []warehouse.Column, rows []column.Vector) error {
			executed = executed || rows[0].Len() > 0
			return nil
		})
		if err != nil || executed {
			return err
		}
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, fmt.Sprintf("INSERT INTO %s VALUES (%s, TIMESTAMP '%s')", table, warehouse.Literal(id), time.Now().UTC().Format(time.DateTime)))
		return err
	})
	if errors.Is(err, warehouse.ErrOutcomeUnknown) {
		return failure.Wrap(failure.Transient, err) // the next attempt sees whether it was executed
	}
	return err
}

func ensureTasksTable(ctx context.Context, tx warehouse.Tx) error {
	_, found, err := tx.Table(ctx, tasksTable)
	if err != nil || found {
		return err
	}
	if err := tx.Create(ctx, tasksTable, tasksColumns); err != nil {
		return err
	}
	return tx.Index(ctx, tasksTable, []string{"task"}, false)
}

// forgetTaskSQL deletes the rows of statements that were executed before a time: no slot with such a task is open.
func (a *App) forgetTaskSQL(ctx context.Context, before time.Time) error {
	executes := slices.ContainsFunc(a.Project.Jobs, func(j *project.Job) bool { return j.Task.SQL != "" })
	if !executes || !a.hasWarehouse() {
		return ctx.Err()
	}
	db, err := a.awaitWarehouse(ctx)
	if err != nil {
		return err
	}
	return db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		_, found, err := tx.Table(ctx, tasksTable)
		if err != nil || !found {
			return err
		}
		_, err = tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE executed < TIMESTAMP '%s'", warehouse.Quote(db, tasksTable), before.UTC().Format(time.DateTime)))
		return err
	})
}

// publishedFor is how long tables that were brought up to date for a task are fresh enough for others. Where that takes longer, they are for
// publishedShare times as long, so that tasks do not spend their time with it, but no longer than publishedMost: what is asked must be current.
const (
	publishedFor   = time.Second
	publishedShare = 4
	publishedMost  = 10 * time.Second
)

// publishForTask brings the tables up to date, so that a query sees what is sealed and published. Tasks that ask at the same time wait for one
// of them to do so.
func (a *App) publishForTask(ctx context.Context) error {
	asked, turn := time.Now(), a.publishTurn()
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if areFresh(asked, a.jobs.published, a.jobs.publishTook) {
		return nil
	}
	began := time.Now()
	if _, err := a.Publish(ctx, PublishOptions{}); err != nil {
		return fmt.Errorf("bring the warehouse up to date: %w", err)
	}
	a.jobs.published, a.jobs.publishTook = began, time.Since(began)
	return nil
}

// areFresh reports whether a question may be asked of tables that were brought up to date at a time, and how long that took.
func areFresh(asked, published time.Time, took time.Duration) bool {
	return asked.Sub(published) < min(max(publishedFor, publishedShare*took), publishedMost)
}

// publishTurn is held by the task that brings the tables up to date.
func (a *App) publishTurn() chan struct{} {
	a.jobs.mu.Lock()
	defer a.jobs.mu.Unlock()
	if a.jobs.turn == nil {
		a.jobs.turn = make(chan struct{}, 1)
	}
	return a.jobs.turn
}

// taskQueryTimeout bounds a query of a task or of partitions.
const taskQueryTimeout = 10 * time.Minute

func (a *App) askWarehouse(ctx context.Context, sql string, rows int64, each func([]questions.Column, []column.Vector) error) error {
	if err := a.publishForTask(ctx); err != nil {
		return err
	}
	db, err := a.awaitWarehouse(ctx)
	if err != nil {
		return err
	}
	_, err = questions.Run(ctx, db, questions.Question{SQL: sql, Rows: rows, Timeout: taskQueryTimeout}, each)
	return err
}

// lineWriter calls add for each line that is written.
type lineWriter struct {
	rest []byte
	add  func(string) error
	err  error
}

// maxLine bounds a line, so that a program without line ends is noticed.
const maxLine = 64 << 10

func (w *lineWriter) take(some []byte) {
	for w.err == nil {
		line, rest, found := bytes.Cut(some, []byte("\n"))
		w.rest = append(w.rest, line...)
		if len(w.rest) > maxLine {
			w.err = failure.Wrap(failure.Data, fmt.Errorf("a line has more than %d bytes", maxLine))
		}
		if !found {
			return
		}
		w.end()
		some = rest
	}
}

// end ends the last line; an empty one is left out.
func (w *lineWriter) end() {
	line := bytes.TrimSuffix(w.rest, []byte("\r"))
	if len(line) > 0 && w.err == nil {
		w.err = w.add(string(line))
	}
	w.rest = w.rest[:0]
}
