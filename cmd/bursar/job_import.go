// bursar job import-crontab: writes the entries of a crontab as jobs, and reports what could not be carried over.

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/crontab"

	"github.com/spf13/cobra"
)

func (c *cli) jobImportCommand() *cobra.Command {
	o, write := crontab.Options{}, false
	cmd := &cobra.Command{
		Use:   "import-crontab FILE",
		Short: "Propose jobs for the entries of a crontab",
		Long: `Reads a crontab, and prints a job for each of its entries, then each line, or part of one, that could not be carried over, and what is
different for all jobs. - is standard input. With --write it writes the files jobs/NAME.yaml of the project: all of them, or none if one
of them exists, so that importing a crontab twice doubles nothing. Check them, and remove the entries from the crontab before ` + "`bursar up`" + ` begins to execute them.`,
		Example: `  bursar job import-crontab /etc/cron.d/backup --system --zone Europe/Prague
  bursar job import-crontab crontab.txt --write
  crontab -l | bursar job import-crontab -`,
		RunE: func(_ *cobra.Command, args []string) error {
			if _, err := time.LoadLocation(o.Zone); err != nil || o.Zone == "Local" {
				return usagef("--zone %s is not a time zone: write a name such as Europe/Prague", o.Zone)
			}
			o.Zone = cmp.Or(o.Zone, crontab.MachineZone())
			report, err := c.importCrontab(args[0], o)
			if err != nil {
				return err
			}
			if !write {
				return c.printImported(&report, false)
			}
			if err := c.writeJobs(report.Jobs); err != nil {
				return err
			}
			return c.printImported(&report, true)
		},
	}
	cmd.Flags().BoolVar(&o.System, "system", false, "entries name a user before the command, as in /etc/crontab and /etc/cron.d")
	cmd.Flags().StringVar(&o.Zone, "zone", "", "the time `zone` of the crontab, such as Europe/Prague; by default that of this machine")
	cmd.Flags().BoolVar(&write, "write", false, "write the jobs into the project")
	return cmd
}

func (c *cli) importCrontab(name string, o crontab.Options) (crontab.Report, error) {
	if name == "-" {
		return crontab.Import(c.in, o)
	}
	f, err := os.Open(c.path(name))
	if err != nil {
		return crontab.Report{}, failure.Wrap(failure.Data, fmt.Errorf("read the crontab: %w", err))
	}
	report, err := crontab.Import(f, o)
	return report, errors.Join(err, f.Close())
}

func (c *cli) jobsFolder() string { return filepath.Join(c.path(c.project), "jobs") }

// exists reports whether the project has a file for a job of this name.
func (c *cli) exists(job string) bool {
	_, err := os.Lstat(filepath.Join(c.jobsFolder(), job+".yaml"))
	return err == nil
}

// writeJobs writes the files of jobs. It begins only if none of them exists, and removes what it has written if one cannot be written.
func (c *cli) writeJobs(jobs []crontab.Imported) (err error) {
	folder := c.jobsFolder()
	if _, err := os.Stat(filepath.Join(c.path(c.project), "bursar.yaml")); err != nil {
		return usagef("%s is not a project folder: it has no bursar.yaml; give --project", c.project)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("write jobs: %w", err)
	}
	var written []string
	defer func() {
		for i := 0; err != nil && i < len(written); i++ {
			err = errors.Join(err, discard(written[i]))
		}
	}()
	for i := range jobs {
		path := filepath.Join(folder, jobs[i].Name+".yaml")
		err := writeTo(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, func(w io.Writer) error {
			written = append(written, path)
			_, err := io.WriteString(w, jobs[i].YAML)
			return err
		})
		if errors.Is(err, os.ErrExist) {
			return withHint(failure.Wrap(failure.Data, fmt.Errorf("write job %s: %s exists already; nothing was written", jobs[i].Name, path)),
				"was the crontab imported before? Otherwise import it without --write, and give the job another name")
		}
		if err != nil {
			return err
		}
	}
	return syncFolder(folder)
}

// importedJob is a job in the output of --json.
type importedJob struct {
	Job    string `json:"job"`
	Line   int    `json:"line"`
	YAML   string `json:"yaml"`
	Exists bool   `json:"exists"` // the project has a file of this name
}

// leftLine is what was not carried over in the output of --json.
type leftLine struct {
	Line   int    `json:"line"`
	Text   string `json:"text"`
	Reason string `json:"reason"`
}

func (c *cli) printImported(r *crontab.Report, written bool) error {
	jobs, left := []importedJob{}, []leftLine{}
	for i := range r.Jobs {
		jobs = append(jobs, importedJob{r.Jobs[i].Name, r.Jobs[i].Line, r.Jobs[i].YAML, c.exists(r.Jobs[i].Name)})
	}
	for _, l := range r.Left {
		left = append(left, leftLine(l))
	}
	value := map[string]any{"jobs": jobs, "left": left, "notes": append([]string{}, r.Notes...), "written": written}
	return c.result(value, func(w io.Writer) {
		for i := range r.Jobs {
			printImportedJob(w, &jobs[i], written)
		}
		fmt.Fprintf(w, "# %s; of %s something is not carried over.\n", plural(len(jobs), "job", "jobs"), plural(len(left), "line", "lines"))
		for _, l := range left {
			fmt.Fprintf(w, "#   line %d, %s: %s\n", l.Line, shorten(strings.TrimSpace(l.Text)), printable(l.Reason))
		}
		for _, note := range r.Notes {
			fmt.Fprintf(w, "# %s\n", printable(note))
		}
	})
}

func printImportedJob(w io.Writer, j *importedJob, written bool) {
	if written {
		fmt.Fprintf(w, "wrote jobs/%s.yaml, of line %d\n", j.Job, j.Line)
		return
	}
	note := ""
	if j.Exists {
		note = "; the project has this file already"
	}
	fmt.Fprintf(w, "# jobs/%s.yaml, of line %d%s\n", j.Job, j.Line, note)
	printLines(w, j.YAML)
	fmt.Fprintln(w)
}
