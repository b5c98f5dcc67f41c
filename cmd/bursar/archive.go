// bursar archive and bursar restore: move old periods of tables out of the warehouse, and bring them back.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"bursar/internal/app"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse/archive"

	"github.com/spf13/cobra"
)

// archiveFlags are the flags of archive.
type archiveFlags struct {
	dryRun, list, verify bool
	before, coldBefore   string
}

func (c *cli) archiveCommand() *cobra.Command {
	var f archiveFlags
	cmd := &cobra.Command{
		Use:   "archive [TABLE…]",
		Short: "Move old periods of tables out of the warehouse",
		Long: `Moves the periods whose age the ` + "`archive`" + ` of a stream or a load declares, of all tables or of the named ones: from hot
(in the warehouse) to warm (Parquet objects, which the view TABLE_all reads) and to cold (smaller objects, which nothing reads
until they are restored). PostgreSQL and Redshift have no warm tier.

Rows leave a tier only after their copy was read back, and its count, control totals and digest are theirs. Each period is one
transaction: interrupted, the command continues where it was. --before and --cold-before replace the declared ages: with one of
them, periods before the day leave the warehouse, or become cold, whatever their age is, and no others.

--list shows what is archived. --verify reads all of it and compares it with the journal, the table bursar_archive; the exit
code is 4 if counts, totals or digests differ, and 1 if an object is missing or damaged.`,
		Example: `  bursar archive --dry-run
  bursar archive
  bursar archive events_sales --before 2024-01-01 --cold-before 2019-01-01
  bursar archive --list
  bursar archive --verify --json`,
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, tables []string) error {
			o, err := f.options(tables)
			switch {
			case err != nil:
				return err
			case f.list:
				return c.listArchive(ctx, a, tables)
			case f.verify:
				return c.verifyArchive(ctx, a, tables)
			}
			return c.archive(ctx, a, o, f.dryRun)
		}),
		ValidArgsFunction: c.completeFirst(archivedTableNames, cobra.ShellCompDirectiveNoFileComp),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be moved, and move nothing")
	flags.StringVar(&f.before, "before", "", "move the periods before this `day`, month or year out of the warehouse")
	flags.StringVar(&f.coldBefore, "cold-before", "", "make the periods before this `day`, month or year cold")
	flags.BoolVar(&f.list, "list", false, "show what is archived")
	flags.BoolVar(&f.verify, "verify", false, "read everything that is archived and compare it with the journal")
	return cmd
}

// archivedTableNames lists the tables with an archive.
func archivedTableNames(p *project.Project) (names []string) {
	for _, s := range p.Streams {
		if s.Archive != nil {
			names = append(names, project.EventsTable(s.Name))
		}
	}
	for _, l := range p.Loads {
		if l.Archive != nil {
			names = append(names, l.Table)
		}
	}
	return names
}

func (f *archiveFlags) options(tables []string) (o app.ArchiveOptions, err error) {
	moves := f.dryRun || f.before != "" || f.coldBefore != ""
	if f.list && f.verify || (f.list || f.verify) && moves {
		return o, usagef("use --list or --verify alone")
	}
	o.Tables = tables
	for text, to := range map[string]*time.Time{f.before: &o.Before, f.coldBefore: &o.ColdBefore} {
		if text == "" {
			continue
		}
		p, err := archive.ParsePeriod(text)
		if err != nil {
			return o, usagef("%v", err)
		}
		*to = p.First
	}
	return o, nil
}

// archive makes the moves that are due.
func (c *cli) archive(ctx context.Context, a *app.App, o app.ArchiveOptions, dryRun bool) error {
	moves, planErr := a.PlanArchive(ctx, o)
	switch {
	case planErr != nil && len(moves) == 0:
		return planErr
	case dryRun:
		return errors.Join(c.printMoves(moves), planErr)
	}
	if len(moves) == 0 && !a.HasArchive() {
		return withHint(failure.Wrap(failure.Data, errors.New("no stream and no load declares an archive")), "add `archive: {warm: 12 months, cold: 7 years}` to one")
	}
	done, err := c.move(ctx, a, "archive", moves)
	printErr := c.printMoved(done, "Nothing to do: no period has the age that is declared.")
	if err != nil {
		err = &interruptedError{err, "what was moved stays; `bursar archive` continues from there"}
	}
	return errors.Join(printErr, err, planErr)
}

// move makes moves one after the other, and returns those that were made. A table that cannot be moved does not stop the others.
func (c *cli) move(ctx context.Context, a *app.App, what string, moves []archive.Move) (done []archive.Moved, err error) {
	total := int64(0)
	for _, m := range moves {
		total += m.Rows
	}
	bar := c.meter(what, "rows", total)
	defer bar.done()
	rows := int64(0)
	return a.MovePeriods(ctx, moves, func(m archive.Move) {
		bar.Describe(fmt.Sprintf("%s %s %s", what, m.Table, m.Period))
		c.log.Info(what, "table", m.Table, "period", m.Period.String(), "from", m.From, "to", m.To)
		bar.set(rows)
		rows += m.Rows
	})
}

func (c *cli) printMoves(moves []archive.Move) error {
	if moves == nil {
		moves = []archive.Move{}
	}
	return c.result(map[string]any{"planned": moves}, func(w io.Writer) {
		if len(moves) == 0 {
			fmt.Fprintln(w, "Nothing would be moved.")
			return
		}
		g := newGrid("table", "period", "from", "to", "rows")
		for _, m := range moves {
			g.add(m.Table, m.Period.String(), string(m.From), string(m.To), formatCount(m.Rows))
		}
		g.print(w, width(c.out))
		fmt.Fprintf(w, "%s would be moved.\n", plural(len(moves), "period", "periods"))
	})
}

func (c *cli) printMoved(done []archive.Moved, nothing string) error {
	if done == nil {
		done = []archive.Moved{}
	}
	return c.result(map[string]any{"moved": done}, func(w io.Writer) {
		if len(done) == 0 {
			fmt.Fprintln(w, nothing)
			return
		}
		rows, bytes := int64(0), int64(0)
		g := newGrid("table", "period", "from", "to", "rows", "bytes", "seconds")
		for _, m := range done {
			g.add(m.Table, m.Period.String(), string(m.From), string(m.To), formatCount(m.Rows), formatCount(m.Bytes), fmt.Sprintf("%.2f", m.Seconds))
			rows, bytes = rows+m.Rows, bytes+m.Bytes
		}
		g.print(w, width(c.out))
		fmt.Fprintf(w, "Moved %s: %s", plural(len(done), "period", "periods"), plural(rows, "row", "rows"))
		if bytes > 0 {
			fmt.Fprintf(w, " in %s", plural(bytes, "byte", "bytes"))
		}
		fmt.Fprintln(w, ".")
	})
}

func (c *cli) listArchive(ctx context.Context, a *app.App, tables []string) error {
	parts, err := a.ArchivedParts(ctx, tables)
	if err != nil {
		return err
	}
	if parts == nil {
		parts = []archive.Part{}
	}
	return c.result(map[string]any{"parts": parts}, func(w io.Writer) {
		if len(parts) == 0 {
			fmt.Fprintln(w, "Nothing is archived.")
			return
		}
		g := newGrid("table", "period", "part", "tier", "rows", "bytes", "moved", "object")
		for i := range parts {
			p := &parts[i]
			g.add(p.Table, p.Period.String(), fmt.Sprint(p.Number), string(p.Tier), formatCount(p.Rows), formatCount(p.Object.Bytes), formatTime(&p.Moved), p.Object.Name)
		}
		g.print(w, width(c.out))
	})
}

func (c *cli) verifyArchive(ctx context.Context, a *app.App, tables []string) error {
	parts, err := a.ArchivedParts(ctx, tables)
	if err != nil {
		return err
	}
	bar := c.meter("verify", "parts", int64(len(parts)))
	checked, failed := []archive.Checked{}, []error{}
	err = a.VerifyArchive(ctx, parts, func(p archive.Checked) {
		if checked = append(checked, p); !p.OK {
			failed = append(failed, p.Err)
		}
		bar.set(int64(len(checked)))
	})
	bar.done()
	printErr := c.result(map[string]any{"parts": checked, "ok": err == nil && len(failed) == 0}, func(w io.Writer) {
		for i := range checked {
			p := &checked[i]
			detail := plural(p.Rows, "row", "rows") + " as they were archived"
			if !p.OK {
				detail = printable(p.Error)
			}
			fmt.Fprintf(w, "%s %s %s, part %d (%s): %s\n", checkMark(p.OK), p.Table, p.Period, p.Number, p.Tier, detail)
		}
		if len(checked) == 0 {
			fmt.Fprintln(w, "Nothing is archived.")
		}
	})
	if len(failed) > 0 {
		err = errors.Join(err, withHint(errors.Join(failed...), "put the objects back from a copy, or make the table again: `bursar publish --again TABLE` from the events, `bursar load LOAD --reload` from the objects of a load"))
	}
	return errors.Join(printErr, err)
}
