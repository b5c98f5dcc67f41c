// The variables of a crontab: most become the environment of the tasks after them, and some control cron.

package crontab

import (
	"regexp"
	"strings"
)

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	secretName   = regexp.MustCompile(`(?i)passw|secret|token|credential|api_?key|access_?key|private`)
)

// ownPrefix begins the variables that Bursar sets.
const ownPrefix = "BURSAR_"

func (i *importer) variable(line int, name, value string) {
	switch name {
	case "MAILTO", "MAILFROM", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING":
		if value != "" {
			i.leave(line, name+"="+value, "output is not mailed: it is kept with its task, and a slot that fails is reported in a line of `bursar up`, in its log, and by the metric bursar_job_slots_total")
		}
		return
	case "RANDOM_DELAY":
		i.leave(line, name+"="+value, "jobs are not delayed by chance: choose other times")
		return
	case "LOGNAME":
		i.leave(line, name+"="+value, "cron sets it to the user whatever the crontab says, and a task has that of its worker")
		return
	case "CRON_TZ":
		i.setZone(line, value)
		return
	}
	switch {
	case !variableName.MatchString(name):
		i.leave(line, name, "it is not a name of a variable that programs and shells understand: use letters, digits and _")
	case strings.HasPrefix(name, ownPrefix):
		i.leave(line, name, "variables whose name begins with "+ownPrefix+" are set by Bursar: choose another name")
	default:
		i.set(line, name, value)
	}
}

func (i *importer) set(line int, name, value string) {
	switch name {
	case "SHELL":
		if strings.Contains(value, "{{") || strings.TrimSpace(value) != value {
			i.leave(line, name+"="+value, "it is not the path of a shell; "+defaultShell+" executes the commands")
			return
		}
		i.shell = value
	case "HOME":
		i.home = value
	}
	i.variables[name] = value
	if value != "" && secretName.MatchString(name) {
		i.found.secrets = append(i.found.secrets, name)
	}
}

// setZone changes the zone of the entries after it. None of them is imported if the zone is not valid: it would be due at other times.
func (i *importer) setZone(line int, name string) {
	zone, err := loadZone(name)
	if name == "" {
		zone, err = loadZone(i.options.Zone)
	}
	if i.zone = zone; err != nil {
		i.leave(line, "CRON_TZ="+name, err.Error())
	}
}
