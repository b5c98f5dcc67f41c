// The program that settings and credentials declare, and its command line, environment and configuration.

package singer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/failure"
	"bursar/internal/process"
	"bursar/internal/vault"
)

const (
	envPrefix = "env."
	// maxConfig bounds the declared configuration, in bytes.
	maxConfig = 1 << 20
)

// inherited are the environment variables of this process that a program gets: it does not find its interpreter or its own files without them.
var inherited = []string{"PATH", "HOME", "LANG"}

var variables = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// program is a declared program.
type program struct {
	folder      string // of the project
	words       []string
	paths       map[string]string // of the settings that are paths
	env         map[string]string
	credentials map[string]vault.Secret // those of the configuration
}

func badf(format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf(format, args...))
}

// parse checks settings and credentials.
func parse(settings map[string]string, credentials map[string]vault.Secret) (*program, error) {
	p := &program{paths: map[string]string{}, env: map[string]string{}, credentials: map[string]vault.Secret{}}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if err := p.set(name, settings[name]); err != nil {
			return nil, fmt.Errorf("setting %s: %w", name, err)
		}
	}
	if len(p.words) == 0 {
		return nil, badf(`set command to the program and its arguments, as in ["tap-postgres"]`)
	}
	for _, name := range slices.Sorted(maps.Keys(credentials)) {
		if _, isVariable := strings.CutPrefix(name, envPrefix); !isVariable {
			p.credentials[name] = credentials[name]
			continue
		}
		if _, isSetting := settings[name]; isSetting {
			return nil, badf("%s is both a setting and a credential: remove one of them", name)
		}
		if err := p.set(name, credentials[name].Reveal()); err != nil {
			return nil, fmt.Errorf("credential %s: %w", name, err)
		}
	}
	return p, nil
}

func (p *program) set(name, value string) error {
	variable, isVariable := strings.CutPrefix(name, envPrefix)
	switch {
	case isVariable && !variables.MatchString(variable):
		return badf("what follows %s must be the name of an environment variable", envPrefix)
	case strings.ContainsRune(value, 0):
		return badf("it contains a NUL character, which programs can't be given")
	case isVariable:
		p.env[variable] = value
	case name == "command":
		return p.setCommand(value)
	case name != "config" && name != "catalog" && name != "properties":
		return badf("there is no such setting; those of programs are command, config, catalog, properties and env.NAME")
	case !filepath.IsLocal(value):
		return badf("%q must be a path of a file inside the project folder", value)
	default:
		p.paths[name] = value
	}
	return nil
}

// setCommand takes a JSON list, because any other notation has rules of quoting, which people confuse with those of their shell.
func (p *program) setCommand(value string) error {
	if json.Unmarshal([]byte(value), &p.words) != nil || len(p.words) == 0 || p.words[0] == "" {
		return badf(`%q is not a JSON list of a program and its arguments, as in ["tap-postgres"]`, value)
	}
	if slices.ContainsFunc(p.words, func(word string) bool { return strings.ContainsRune(word, 0) }) {
		return badf("it contains a NUL character, which programs can't be given")
	}
	return nil
}

// name returns the program's name for messages.
func (p *program) name() string { return filepath.Base(p.words[0]) }

// command returns the command, and writes the files that it names to a private folder.
func (p *program) command(files *privateFolder, state string) (process.Command, error) {
	c := process.Command{Path: p.words[0], Args: slices.Clone(p.words[1:]), Dir: p.folder, Env: p.environment()}
	if p.paths["config"] != "" || len(p.credentials) > 0 {
		text, err := p.config()
		if err != nil {
			return c, err
		}
		path, err := files.write("config.json", text)
		if err != nil {
			return c, fmt.Errorf("write the configuration of %s: %w", p.name(), err)
		}
		c.Args = append(c.Args, "--config", path)
	}
	if state != "" {
		path, err := files.write("state.json", []byte(state))
		if err != nil {
			return c, fmt.Errorf("write the state of %s: %w", p.name(), err)
		}
		c.Args = append(c.Args, "--state", path)
	}
	for _, name := range []string{"catalog", "properties"} {
		if path := p.paths[name]; path != "" { // relative to the folder in which the program is executed
			c.Args = append(c.Args, "--"+name, path)
		}
	}
	return c, nil
}

// environment returns the program's environment, sorted.
func (p *program) environment() []string {
	env := maps.Clone(p.env)
	for _, name := range inherited {
		value, isSet := os.LookupEnv(name)
		if _, isDeclared := env[name]; isSet && !isDeclared {
			env[name] = value
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// config returns the declared configuration together with the credentials. Values that are declared keep their text.
func (p *program) config() ([]byte, error) {
	object := map[string]json.RawMessage{}
	if path := p.paths["config"]; path != "" {
		text, err := readBounded(filepath.Join(p.folder, path))
		if err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		if json.Unmarshal(text, &object) != nil || object == nil {
			return nil, badf("read the configuration: %s does not contain a JSON object", path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.credentials)) {
		if err := add(object, strings.Split(name, "."), p.credentials[name].Reveal()); err != nil {
			return nil, badf("add the credential %s to the configuration: %w", name, err)
		}
	}
	return json.Marshal(object)
}

// add sets a value that is not there yet.
func add(object map[string]json.RawMessage, path []string, value string) error {
	old, isThere := object[path[0]]
	if len(path) == 1 {
		if isThere {
			return errors.New("the file that config names has it, too; remove it there")
		}
		text, err := json.Marshal(value)
		object[path[0]] = text
		return err
	}
	inner := map[string]json.RawMessage{}
	if isThere && (json.Unmarshal(old, &inner) != nil || inner == nil) {
		return fmt.Errorf("%s is not an object in the file that config names", path[0])
	}
	if err := add(inner, path[1:], value); err != nil {
		return err
	}
	text, err := json.Marshal(inner)
	object[path[0]] = text
	return err
}

// readBounded reads a regular file of limited size.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path) // opening a pipe would wait for ever
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, failure.Wrap(failure.Data, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is not a regular file")})
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		return nil, badf("%s has more than %d bytes", path, maxConfig)
	}
	return text, err
}
