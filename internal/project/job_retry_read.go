// Reads what a job does about failures and missed slots: `retry` and `catch_up`.

package project

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"bursar/internal/failure"
	"bursar/internal/project/doc"
)

// The defaults and limits of repetitions and of missed slots.
const (
	defaultAttempts    = 5
	maxAttempts        = 100
	defaultWait        = time.Second
	minWait            = 100 * time.Millisecond
	maxWait            = time.Hour
	defaultLongestWait = 10 * time.Minute
	maxLongestWait     = 24 * time.Hour
	maxAge             = 366 * 24 * time.Hour
	maxExitCode        = 255
)

func readRetry(o doc.Section) Retry {
	s := o.Sub("retry", "attempts", "wait", "longest", "exit_codes")
	r := Retry{
		Attempts: int(s.Number("attempts", defaultAttempts, 1, maxAttempts)),
		Wait:     readTime(s, "wait", defaultWait, minWait, maxWait, "a time from 100ms to 1h such as 1s or 5m"),
	}
	r.Longest = readTime(s, "longest", max(defaultLongestWait, r.Wait), minWait, maxLongestWait, "a time from 100ms to 24h such as 10m or 1h")
	if r.Longest < r.Wait {
		s.Fail("longest", "is shorter than `wait`, from which the wait between attempts grows")
	}
	r.ExitCodes = readExitCodes(s)
	if task := o.Src.Lines; s.Has("exit_codes") && task["task"] > 0 && task["task.exec"] == 0 && task["task.bursar"] == 0 {
		s.Fail("exit_codes", "belongs to programs: this task has no exit code")
	}
	return r
}

// readExitCodes reads lists of exit codes by class.
func readExitCodes(o doc.Section) map[int]string {
	s := o.Sub("exit_codes", "transient", "throttled", "data", "bug")
	var classes map[int]string
	for _, name := range s.Keys {
		class, _ := failure.Parse(name) // of the known keys
		for i, n := range listItems(s, name, "exit codes such as [75, 111]") {
			code, err := strconv.Atoi(n.Value)
			path := item(s.At(name), i)
			switch {
			case err != nil || n.ShortTag() != "!!int" || code < 1 || code > maxExitCode:
				o.Src.FailAt(path, "%s lists %s: exit codes of failures are whole numbers from 1 to %d", doc.Brief(name), doc.Brief(n.Value), maxExitCode)
			case classes[code] == class.String():
				o.Src.FailAt(path, "%s lists %d twice", doc.Brief(name), code)
			case classes[code] != "":
				o.Src.FailAt(path, "exit code %d is listed as %s already: it has one class", code, classes[code])
			default:
				if classes == nil {
					classes = map[int]string{}
				}
				classes[code] = class.String()
			}
		}
	}
	return classes
}

// listItems returns the elements of a list that is not empty, and notes their lines.
func listItems(o doc.Section, key, what string) []*yaml.Node {
	n := o.Values[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > doc.MaxEntries {
		o.Fail(key, "must be a list of 1 to %d %s", doc.MaxEntries, what)
		return nil
	}
	for i, element := range n.Content {
		o.Src.Lines[item(o.At(key), i)] = element.Line
	}
	return n.Content
}

func readCatchUp(o doc.Section) CatchUp {
	s := o.Sub("catch_up", "policy", "age", "rate")
	c := CatchUp{Policy: CatchUpPolicy(s.OneOf("policy", string(CatchUpSkip), string(CatchUpLatest), string(CatchUpAll)))}
	if c.Policy == "" {
		c.Policy = CatchUpLatest
	}
	c.Age = readTime(s, "age", 0, time.Minute, maxAge, "a time from 1m to 8784h such as 30m or 24h")
	c.Rate = readRate(s, "rate")
	if c.Age > 0 && c.Policy == CatchUpSkip {
		s.Fail("age", "has no effect beside `policy: skip`, which executes no missed slot")
	}
	return c
}
