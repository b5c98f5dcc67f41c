// The declaration of an imported job.

package crontab

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// declaration is the content of a job's file. Where cron has no limits, they are the widest.
type declaration struct {
	Job      string `yaml:"job"`
	Schedule string `yaml:"schedule"`
	Zone     string `yaml:"zone,omitempty"`
	Task     struct {
		Exec []string          `yaml:"exec,flow"`
		Env  map[string]string `yaml:"env,omitempty"`
	} `yaml:"task"`
	Timeout string `yaml:"timeout"`
	Once    bool   `yaml:"once"`
	Retry   struct {
		Attempts int `yaml:"attempts"`
	} `yaml:"retry,flow"`
	Overlap string `yaml:"overlap"`
	CatchUp struct {
		Policy string `yaml:"policy"`
	} `yaml:"catch_up,flow"`
}

// declare writes the file of a job. It reports false if YAML can't express the command exactly.
func (i *importer) declare(name string, line int, text, schedule string, c *command) (string, bool) {
	d := declaration{Job: name, Schedule: schedule, Timeout: "168h", Once: true, Overlap: "allow"}
	d.Retry.Attempts, d.CatchUp.Policy = 1, "skip"
	if zone := i.zone.String(); zone != "UTC" {
		d.Zone = zone
	}
	d.Task.Exec = c.exec()
	for name, value := range maps.All(i.variables) {
		if d.Task.Env == nil {
			d.Task.Env = map[string]string{}
		}
		d.Task.Env[name] = literal(value)
	}
	var b bytes.Buffer
	for _, comment := range append(i.comment, fmt.Sprintf("Line %d of a crontab: %s", line, text)) {
		b.WriteString(commentLine(comment))
	}
	out := yaml.NewEncoder(&b)
	out.SetIndent(2)
	if err := out.Encode(d); err != nil {
		return "", false
	}
	var same declaration
	if err := yaml.Unmarshal(b.Bytes(), &same); err != nil || !reflect.DeepEqual(d, same) {
		return "", false
	}
	return b.String(), true
}

// commentLine returns a comment. What YAML may take for the end of a line, or refuse, is left out.
func commentLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
	return strings.TrimRight("# "+text, " ") + "\n"
}
