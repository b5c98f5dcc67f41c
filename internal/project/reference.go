// References: texts that stand for a value of the environment or of the vault, and which variables of the environment they name.

package project

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"bursar/internal/project/doc"
)

const (
	envReference   = "env:"
	vaultReference = "vault:"
)

var (
	validReference = regexp.MustCompile(`^(env:[A-Za-z_][A-Za-z0-9_]{0,254}|vault:[a-z][a-z0-9_]{0,63})$`)
	variableName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)
)

// IsReference reports whether a text stands for a value that is elsewhere.
func IsReference(text string) bool {
	return strings.HasPrefix(text, envReference) || strings.HasPrefix(text, vaultReference)
}

// checkReference reports a reference of a wrong form, without its text, which may be a secret in the wrong place.
func checkReference(o doc.Section, key, text string) {
	if IsReference(text) && !validReference.MatchString(text) {
		o.Fail(key, "is not a valid reference: write env: and the name of an environment variable, or vault: and the name of a secret")
	}
}

// refuseReference reports a reference where a value would be stored or shown.
func refuseReference(o doc.Section, key, text string) {
	if IsReference(text) {
		o.Fail(key, "is a reference, which is not resolved here: secrets belong to `env` of a program and `headers` of a request")
	}
}

// environmentVariables lists the variables that the texts of a file refer to.
func environmentVariables(n *yaml.Node) (names []string) {
	if n == nil {
		return nil
	}
	if name, is := strings.CutPrefix(n.Value, envReference); is && n.Kind == yaml.ScalarNode && variableName.MatchString(name) {
		names = append(names, name)
	}
	for _, child := range n.Content {
		names = append(names, environmentVariables(child)...)
	}
	return names
}

// EnvironmentVariables returns the names of the environment variables that bursar.yaml, loads and jobs refer to, sorted: their values are
// settings of Bursar, some of them secret, so that the programs of tasks do not inherit them.
func (p *Project) EnvironmentVariables() []string {
	names := slices.Clone(p.Config.variables)
	for _, l := range p.Loads {
		names = append(names, l.variables...)
	}
	for _, j := range p.Jobs {
		names = append(names, j.variables...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
