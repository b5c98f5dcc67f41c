// Tests of importing a crontab.

package main

import (
	"os"
	"path/filepath"
	"testing"
)

const someCrontab = `# make the report
CRON_TZ=Europe/Prague
*/5 8-17 * * mon-fri /usr/local/bin/report --all
@reboot /usr/local/bin/start
0 3 * * * /usr/local/bin/backup
61 * * * * never
`

// TestJobImport proposes the entries of a crontab, writes them once, and never over a file.
func TestJobImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	from := file(t, dir, "crontab.txt", someCrontab)
	do := func(code int, args ...string) outcome {
		t.Helper()
		return must(t, code, append([]string{"job", "import-crontab", "--project", dir}, args...)...)
	}

	wantText(t, do(0, from).out, "# jobs/report.yaml, of line 3\n", "\njob: report\nschedule: '*/5 8-17 * * mon-fri'\nzone: Europe/Prague\n",
		"# 2 jobs; of 2 lines something is not carried over.\n#   line 4, @reboot /usr/local/bin/start: ", "#   line 6, 61 * * * * never: ")
	proposed := value(t, do(0, from, "--json"))
	if j := item(t, proposed, "jobs", 1); j["job"] != "backup" || j["exists"] != false || proposed["written"] != false || length(t, proposed, "left") != 2 {
		t.Errorf("import proposes %v", proposed)
	}
	if names, err := filepath.Glob(filepath.Join(dir, "jobs", "*")); err != nil || len(names) > 0 {
		t.Errorf("without --write there are %v (%v)", names, err)
	}

	other := file(t, dir, "jobs/backup.yaml", "job: backup\ntask: {exec: [./backup]}\n")
	refused := do(1, from, "--write")
	wantText(t, refused.err, "backup.yaml exists already; nothing was written", "was the crontab imported before?")
	if names, err := filepath.Glob(filepath.Join(dir, "jobs", "*")); err != nil || len(names) != 1 || names[0] != other {
		t.Errorf("after a refused import there are %v (%v)", names, err)
	}
	wantText(t, do(0, from).out, "# jobs/backup.yaml, of line 5; the project has this file already\n")
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	wantText(t, do(0, from, "--write").out, "wrote jobs/report.yaml, of line 3\nwrote jobs/backup.yaml, of line 5\n")
	wantText(t, must(t, 0, "check", "--project", dir).out, "2 jobs.", "job report: due ")
	do(1, from, "--write")

	system := file(t, dir, "cron.d/backup", "0 3 * * * root /usr/local/bin/nightly\n")
	wantText(t, do(0, system, "--system", "--zone", "America/New_York").out, "job: nightly\n", "zone: America/New_York\n")
	wantText(t, do(2, from, "--zone", "Nowhere").err, "--zone Nowhere is not a time zone")
	wantText(t, do(1, filepath.Join(dir, "missing")).err, "read the crontab: open ")
	wantText(t, must(t, 2, "job", "import-crontab", from, "--write", "--project", t.TempDir()).err, "is not a project folder")
	must(t, 2, "job", "import-crontab")
}
