// Tests of what becomes of crontabs. Each job is read as the file of a project.

package crontab

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"text/template"

	"bursar/internal/failure"
	"bursar/internal/project"
)

// importText imports a crontab, and reads the jobs as those of a project.
func importText(t *testing.T, text string, o Options) (Report, map[string]*project.Job) {
	t.Helper()
	r, err := Import(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, project.JobsFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"bursar.yaml": ""}
	for _, j := range r.Jobs {
		files[filepath.Join(project.JobsFolder, j.Name+".yaml")] = j.YAML
	}
	if len(files) != len(r.Jobs)+1 {
		t.Fatalf("two jobs have the same name: %+v", r.Jobs)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, errs := project.Read(folder)
	for _, e := range errs {
		t.Errorf("%v in\n%s", e, files[e.File])
	}
	jobs := map[string]*project.Job{}
	for _, j := range p.Jobs {
		jobs[j.Name] = j
	}
	return r, jobs
}

// render returns what the program of a job gets.
func render(t *testing.T, texts ...string) (words []string) {
	t.Helper()
	for _, text := range texts {
		parsed, err := template.New("word").Option("missingkey=error").Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := parsed.Execute(&b, nil); err != nil {
			t.Fatal(err)
		}
		words = append(words, b.String())
	}
	return words
}

const usersCrontab = `# Not about one job.

SHELL=/bin/bash
PATH = "/opt/shop/bin:/usr/bin:/bin"
MAILTO=ops@example.com
  # Reminds customers
  #   of open invoices.
0 8 * * mon-fri   remind --days 7,14 2>&1 | logger -t remind
*/15 9-17 1,15 jan,Jul 0	/opt/shop/sync.sh "{{.key}}" && date +\%F
@reboot /opt/shop/daemon
@midnight cd /var/tmp && tar czf "shop-$(date +\%d).tgz" /srv/shop
30 4 * * * mail -s "Good morning" team%Hello,%%it is 100\% done.%
CRON_TZ=America/New_York
5 0 * * 7 /opt/shop/close-week.py &
59 23 31 12 * remind --year
`

func TestUsersCrontab(t *testing.T) {
	t.Parallel()
	r, jobs := importText(t, usersCrontab, Options{Zone: "Europe/Prague"})
	got := map[string]string{}
	for name, j := range jobs {
		got[name] = fmt.Sprintf("%s %s %q", j.Schedule, j.Zone, render(t, j.Task.Exec...))
		if j.Overlap != project.OverlapAllow || j.CatchUp.Policy != project.CatchUpSkip || j.Retry.Attempts != 1 || !j.Once {
			t.Errorf("%s is not executed as by cron: %+v", name, j)
		}
		if want := map[string]string{"SHELL": "/bin/bash", "PATH": "/opt/shop/bin:/usr/bin:/bin"}; !maps.Equal(j.Task.Env, want) {
			t.Errorf("%s: the environment is %v", name, j.Task.Env)
		}
	}
	want := map[string]string{
		"remind":     `0 8 * * mon-fri Europe/Prague ["/bin/bash" "-c" "remind --days 7,14 2>&1 | logger -t remind"]`,
		"sync":       `*/15 9-17 1,15 jan,Jul 0 Europe/Prague ["/bin/bash" "-c" "/opt/shop/sync.sh \"{{.key}}\" && date +%F"]`,
		"tar":        `@daily Europe/Prague ["/bin/bash" "-c" "cd /var/tmp && tar czf \"shop-$(date +%d).tgz\" /srv/shop"]`,
		"mail":       `30 4 * * * Europe/Prague ["/bin/sh" "-c" "printf '%s' \"$2\" | \"$0\" -c \"$1\"" "/bin/bash" "mail -s \"Good morning\" team" "Hello,\n\nit is 100% done.\n"]`,
		"close_week": `5 0 * * 7 America/New_York ["/bin/bash" "-c" "/opt/shop/close-week.py &"]`,
		"remind_2":   `59 23 31 12 * America/New_York ["/bin/bash" "-c" "remind --year"]`,
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s\ngot  %s\nwant %s", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("jobs are %v", slices.Sorted(maps.Keys(got)))
	}
	wantLeft := "5 MAILTO=ops@example.com: output is not mailed\n10 @reboot /opt/shop/daemon: a job is due at a time\n"
	compareLeft(t, r, wantLeft)
	compareNotes(t, r, "executed once at each time", "any machine with the role job", "start in the project folder", "where the clock changes", "remove the & of line 14")
	if !strings.HasPrefix(r.Jobs[0].YAML, "# Reminds customers\n# of open invoices.\n# Line 8 of a crontab: 0 8 * * mon-fri") {
		t.Errorf("got\n%s", r.Jobs[0].YAML)
	}
	if strings.Contains(r.Jobs[1].YAML, "Reminds") || r.Jobs[1].Line != 9 {
		t.Errorf("got line %d\n%s", r.Jobs[1].Line, r.Jobs[1].YAML)
	}
}

// compareLeft compares lines, texts and the beginning of reasons.
func compareLeft(t *testing.T, r Report, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(want), "\n")
	if want == "" {
		lines = nil
	}
	for n, left := range r.Left {
		got := fmt.Sprintf("%d %s: %s", left.Line, left.Text, left.Reason)
		if n >= len(lines) || !strings.HasPrefix(got, lines[n]) {
			t.Errorf("left: %s", got)
		}
	}
	if len(r.Left) < len(lines) {
		t.Errorf("left only %d of\n%s", len(r.Left), want)
	}
}

func compareNotes(t *testing.T, r Report, want ...string) {
	t.Helper()
	for n, note := range r.Notes {
		if n >= len(want) || !strings.Contains(note, want[n]) {
			t.Errorf("note: %s", note)
		}
	}
	if len(r.Notes) != len(want) {
		t.Errorf("got %d notes, want %d", len(r.Notes), len(want))
	}
}

// systemCrontab has what the crontabs of Debian's packages have.
const systemCrontab = `# /etc/cron.d/things: entries of packages
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
MAILTO=root

17 *	* * *	root	cd / && run-parts --report /etc/cron.hourly
25 6	* * *	root	test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
09,39 *     * * *     root   [ -x /usr/lib/lang/sessionclean ] && if [ ! -d /run/systemd/system ]; then /usr/lib/lang/sessionclean; fi
@reboot         checker    if [ -x /usr/sbin/checker ]; then nice -n10 /usr/sbin/checker -R; fi
2 * * * *       checker    if [ -x /usr/sbin/checker ]; then nice -n10 /usr/sbin/checker; fi
0 */12 * * * root test -x /usr/bin/certs -a \! -d /run/systemd/system && perl -e 'sleep int(rand(43200))' && certs -q renew
57 0 * * 0 root if [ -x /usr/share/raid/check ] && [ $(date +\%d) -le 7 ]; then /usr/share/raid/check --all --quiet; fi
5-55/10 * * * * root command -v sa1 > /dev/null && sa1 1 1
-*/15 * * * * www-data SERVICE_MODE=1 /usr/bin/php -f /var/www/jobs.php
`

func TestSystemCrontab(t *testing.T) {
	t.Parallel()
	r, jobs := importText(t, systemCrontab, Options{System: true})
	var names []string
	for _, j := range r.Jobs {
		names = append(names, fmt.Sprint(j.Line, " ", j.Name))
	}
	want := []string{"6 cron_hourly", "7 cron_daily", "8 sessionclean", "10 checker", "11 perl", "12 check", "13 sa1", "14 jobs"}
	if !slices.Equal(names, want) {
		t.Errorf("got  %q\nwant %q", names, want)
	}
	compareLeft(t, r, `
4 MAILTO=root: output
6 root: a task is executed as the user of its worker: start a worker as this user, or let the command change it, as with `+"`sudo -u`"+`; it is also the user of lines 7, 8, 11, 12, 13
9 @reboot         checker    if`+" [ -x /usr/sbin/checker ]; then nice -n10 /usr/sbin/checker -R; fi"+`: a job is due
10 checker: a task
14 www-data: a task`)
	compareNotes(t, r, "executed once", "any machine with the role job", "start in the project folder")
	if got := jobs["check"].Task.Exec[2]; got != `if [ -x /usr/share/raid/check ] && [ $(date +%d) -le 7 ]; then /usr/share/raid/check --all --quiet; fi` {
		t.Errorf("got %s", got)
	}
	if got := jobs["jobs"].Schedule.String(); got != "*/15 * * * *" {
		t.Errorf("got %s", got)
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	for line, reason := range map[string]string{
		"@reboot x":                         "a job is due at a time",
		"@fortnightly x":                    "@fortnightly is not a name of times",
		"@daily":                            "it has no command",
		"* * * * *":                         "it has no command",
		"* * * * *  ":                       "it has no command",
		"* * * *":                           "it is neither",
		"0 8 * * /opt/x":                    "it has 4 of the five fields of times: the command begins with /opt/x",
		"0 8 * x.sh a b":                    "it has 3 of the five fields of times",
		"echo hello":                        `minute: "echo" is not made of numbers from 0 to 59, ranges`,
		"60 * * * * x":                      `minute: "60" is not made of`,
		"* 24 * * * x":                      `hour: "24" is not made of`,
		"* * 0 * * x":                       `day of the month: "0" is not made of numbers from 1 to 31`,
		"* * * 13 * x":                      `month: "13" is not made of numbers from 1 to 12, names such as jan`,
		"* * * * 8 x":                       `weekday: "8" is not made of`,
		"* * * * monday x":                  `weekday: "monday" is not made of`,
		"* * * mon * x":                     `month: "mon" is not made of`,
		"*/0 * * * * x":                     "has a step that is not a number from 1",
		"*/x * * * * x":                     "has a step",
		"5/15 * * * * x":                    "write 5, or 5-59/15",
		"0~59 * * * * x":                    "is a random time",
		"50-10 * * * * x":                   "has a range that ends before it begins",
		"1,,2 * * * * x":                    "is not made of",
		"1-2-3 * * * * x":                   "is not made of",
		"-1 * * * * * x":                    "",
		"+1 * * * * x":                      "is not made of",
		"0 0 L * * x":                       "is not made of",
		"0 0 ? * * x":                       "is not made of",
		"0 0 * * 1#2 x":                     "is not made of",
		"0 0 30 2 * x":                      "it is never due",
		"0 0 *,3 * 1 x":                     "is a list with *",
		"0 0 * * * caf\xe9":                 "it is not UTF-8",
		"BURSAR_TOKEN=x":                    "are set by Bursar",
		"a.b=x":                             "it is not a name of a variable",
		"MAILTO=x":                          "output is not mailed",
		"RANDOM_DELAY=5":                    "not delayed by chance",
		"LOGNAME=x":                         "cron sets it",
		"CRON_TZ=Mars/Base":                 "is not the name of a time zone",
		"CRON_TZ=Local":                     "is not the name of a time zone",
		"CRON_TZ=Mars/Base\n* * * * * /x/y": "is not the name",
	} {
		r, _ := importText(t, line+"\n", Options{})
		if reason == "" {
			if len(r.Left) != 0 {
				t.Errorf("%s: left %+v", line, r.Left)
			}
			continue
		}
		if len(r.Left) == 0 || !strings.Contains(r.Left[0].Reason, reason) || r.Left[0].Line != 1 || len(r.Jobs) > 0 {
			t.Errorf("%s: got %+v, want %s", line, r, reason)
		}
		if strings.Contains(line, "\n") && len(r.Left) != 2 {
			t.Errorf("%s: left %+v", line, r.Left)
		}
	}
	for line, reason := range map[string]string{"* * * * * /bin/x y": "import a user's crontab", "* * * * * root": "it has no command"} {
		if r, _ := importText(t, line, Options{System: true}); len(r.Left) != 1 || !strings.Contains(r.Left[0].Reason, reason) {
			t.Errorf("%s: left %+v", line, r.Left)
		}
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	const text = `0 1 * * * before
A = 1
"B"='  two words '
C= "x" # y
D=
E=env:HOME
F={{.x}}$HOME
API_TOKEN=abc
A = 2
0 2 * * * after
`
	_, jobs := importText(t, text, Options{})
	if env := jobs["before"].Task.Env; env != nil {
		t.Errorf("before has %v", env)
	}
	want := map[string]string{"A": "2", "B": "  two words ", "C": `"x" # y`, "D": "", "E": "env:HOME", "F": "{{.x}}$HOME", "API_TOKEN": "abc"}
	env := jobs["after"].Task.Env
	for name, value := range env {
		env[name] = render(t, value)[0]
	}
	if !maps.Equal(env, want) {
		t.Errorf("got %q\nwant %q", env, want)
	}
	r, _ := importText(t, text, Options{})
	if note := r.Notes[len(r.Notes)-1]; !strings.Contains(note, "put API_TOKEN into the vault") || strings.Contains(note, "abc") {
		t.Errorf("got %q", r.Notes)
	}
}

// TestExecuted executes commands as their jobs do.
func TestExecuted(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for line, want := range map[string]string{
		`* * * * * echo "a  b"`:                   "a  b\n",
		`* * * * * cat%one%two\%%`:                "one\ntwo%\n",
		`* * * * * cat%one`:                       "one\n",
		`* * * * * cat%`:                          "",
		`* * * * * cat; exit 3%x`:                 "x\nexit status 3",
		`* * * * * echo \\%input`:                 "\\\n",
		`* * * * * cat%a\\%b`:                     "a\\%b\n",
		`* * * * * echo '{{.key}} {{{' '$1'`:      "{{.key}} {{{ $1\n",
		"HOME=" + home + "\n* * * * * pwd":        home + "\n",
		"HOME=" + home + "\n* * * * * pwd; cat%x": home + "\nx\n",
		"SHELL=/bin/bash\n* * * * * echo {1..3}":  "1 2 3\n",
		"SHELL=/bin/bash\n* * * * * cat <(cat)%x": "x\n",
		"HOME=/no/such\n* * * * * echo executed":  "exit status 2",
	} {
		_, jobs := importText(t, line, Options{})
		for _, j := range jobs {
			words := render(t, j.Task.Exec...)
			c := exec.Command(words[0], words[1:]...)
			c.Env = []string{"PATH=/usr/bin:/bin"}
			for name, value := range j.Task.Env {
				c.Env = append(c.Env, name+"="+value)
			}
			got, err := c.Output()
			if err != nil {
				got = append(got, err.Error()...)
			}
			if string(got) != want {
				t.Errorf("%s: got %q, want %q", line, got, want)
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"NUL": "* * * * * a\x00b\n", "size": strings.Repeat("# x\n", maxSize/4+1)} {
		if _, err := Import(strings.NewReader(text), Options{}); failure.Of(err) != failure.Data {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := Import(strings.NewReader(""), Options{Zone: "Mars/Base"}); failure.Of(err) != failure.Data {
		t.Errorf("got %v", err)
	}
	broken := errors.New("broken")
	if _, err := Import(iotest.ErrReader(broken), Options{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if r, err := Import(strings.NewReader(""), Options{}); err != nil || len(r.Jobs)+len(r.Left)+len(r.Notes) > 0 {
		t.Errorf("got %+v %v", r, err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"/usr/bin/backup.sh --all":                  "backup",
		"flock -n /tmp/lock /srv/run-batch.py":      "run_batch",
		"nice -n 19 ionice -c 3 updatedb":           "updatedb",
		"timeout 30m /x/Clean_Up":                   "clean_up",
		"A=1 B='2' env C=3 program":                 "program",
		"python3 -u /srv/report.py daily":           "report",
		"bash -c 'x'":                               "x",
		"java -jar /srv/shop.jar":                   "shop",
		"cd /srv && ./7zip.sh":                      "job_7zip",
		"[ -f /x ] || exit 0":                       "job",
		"sudo -u www-data php artisan schedule:run": "artisan",
		">/dev/null 2>&1 quiet":                     "quiet",
		"echo hello":                                "echo",
		"/opt/$NAME/bin/x":                          "x",
		"ж":                                         "line_1",
		"!!!":                                       "line_1",
		"a" + strings.Repeat("-very", 20) + "-long-program": "a_very_very_very_very_very_very_very_ver",
		"curl -fsS https://example.com/hook >/dev/null":     "curl",
		"test -e /x || exit 0; exec > /log; /srv/job":       "job",
	} {
		got := nameOf(command)
		if got == "" {
			got = "line_1"
		}
		if want == "job" && got == "exit" { // neither does anything
			got = "job"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", command, got, want)
		}
	}
	r, _ := importText(t, "* * * * * x\n* * * * * x\n* * * * * x\n* * * * * x_2\n", Options{Names: map[string]bool{"x_3": true}})
	var names []string
	for _, j := range r.Jobs {
		names = append(names, j.Name)
	}
	if want := []string{"x", "x_2", "x_4", "x_2_2"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func TestMachineZone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	link, file, missing := filepath.Join(folder, "localtime"), filepath.Join(folder, "timezone"), filepath.Join(folder, "missing")
	zoneFile := filepath.Join(folder, "zoneinfo", "Asia", "Tokyo")
	if err := errors.Join(os.MkdirAll(filepath.Dir(zoneFile), 0o700), os.WriteFile(zoneFile, nil, 0o600),
		os.Symlink(zoneFile, link), os.WriteFile(file, []byte("Europe/Prague\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, test := range [][4]string{
		{"America/New_York", link, file, "America/New_York"},
		{":Europe/Rome", link, file, "Europe/Rome"},
		{"", link, file, "Asia/Tokyo"},
		{"Nowhere", missing, file, "Europe/Prague"},
		{"", missing, missing, "UTC"},
	} {
		if got := machineZone(test[0], test[1], test[2]); got != test[3] {
			t.Errorf("%q: got %s", test, got)
		}
	}
}
