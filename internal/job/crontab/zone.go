// The zone of this machine, in which its cron counts.

package crontab

import (
	"os"
	"path/filepath"
	"strings"
)

// MachineZone returns the name of this machine's time zone, as cron finds it: the zone of a crontab that does not say one. It is UTC if the machine
// does not name its zone.
func MachineZone() string {
	return machineZone(os.Getenv("TZ"), "/etc/localtime", "/etc/timezone")
}

func machineZone(variable, link, file string) string {
	candidates := []string{strings.TrimPrefix(variable, ":")}
	if target, err := filepath.EvalSymlinks(link); err == nil {
		if _, name, is := strings.Cut(filepath.ToSlash(target), "/zoneinfo/"); is {
			candidates = append(candidates, name)
		}
	}
	if content, err := os.ReadFile(file); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(content)))
	}
	for _, name := range candidates {
		if name == "" {
			continue
		}
		if _, err := loadZone(name); err == nil {
			return name
		}
	}
	return "UTC"
}
