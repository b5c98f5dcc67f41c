// Writes the file of a new institution.

package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/failure"
	"bursar/internal/project/doc"

	"go.yaml.in/yaml/v3"
)

// NewInstitution is an institution to be declared.
type NewInstitution struct {
	Name     string
	Comment  string // the first line of its file; may be empty
	Settings []Setting
}

// Setting is a key of an institution's file, with its value.
type Setting struct {
	Key   string // with dots, as in connector.url
	Value string // YAML, or else a text
}

// Write writes institutions/NAME.yaml into a project folder, and returns its path there. A file that exists is an fs.ErrExist, unless replace is set.
// If the file would not be valid, it is not written; the error says why.
func (n *NewInstitution) Write(dir string, replace bool) (file string, err error) {
	if !doc.IsName(n.Name) {
		return "", failure.Wrap(failure.Data, fmt.Errorf("%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", doc.Brief(n.Name)))
	}
	file = "institutions/" + n.Name + ".yaml"
	text, err := n.render()
	if err != nil {
		return file, err
	}
	if _, errs := parseInstitution(file, text); len(errs) > 0 {
		return file, messages(errs)
	}
	path := filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return file, fmt.Errorf("write %s: %w", file, err)
	}
	if err := writeNew(path, text, replace); err != nil {
		return file, fmt.Errorf("write %s: %w", file, err)
	}
	if err := faultsOf(dir, file); err != nil && !replace {
		return file, errors.Join(err, os.Remove(path))
	}
	return file, nil
}

// faultsOf returns what is wrong with a file of a project folder beside the others, such as a stream that is not declared.
func faultsOf(dir, file string) error {
	_, errs := Read(dir)
	var own []doc.Error
	for _, e := range errs {
		if e.File == file {
			own = append(own, e)
		}
	}
	if len(own) == 0 {
		return nil
	}
	return messages(own)
}

// messages joins errors without their lines, which are those of a file that is not written.
func messages(errs []doc.Error) error {
	texts := make([]string, len(errs))
	for i, e := range errs {
		texts[i] = e.Message
	}
	return failure.Wrap(failure.Data, errors.New(strings.Join(texts, "; ")))
}

func writeNew(path string, text []byte, replace bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if replace {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return failure.Wrap(failure.Data, err)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// render writes the settings in their order.
func (n *NewInstitution) render() ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode, HeadComment: n.Comment}
	put(root, []string{"institution"}, valueNode(n.Name))
	for _, s := range n.Settings {
		if !put(root, strings.Split(s.Key, "."), valueNode(s.Value)) {
			return nil, failure.Wrap(failure.Data, fmt.Errorf("%s is given twice, or is not a key with one value", doc.Brief(s.Key)))
		}
	}
	return yaml.Marshal(root)
}

// put adds a value at a path of keys. It reports false if there is one.
func put(at *yaml.Node, path []string, value *yaml.Node) bool {
	for i := 0; i+1 < len(at.Content); i += 2 {
		if at.Content[i].Value == path[0] {
			inner := at.Content[i+1]
			return len(path) > 1 && inner.Kind == yaml.MappingNode && put(inner, path[1:], value)
		}
	}
	if len(path) > 1 {
		inner := &yaml.Node{Kind: yaml.MappingNode}
		put(inner, path[1:], value)
		value = inner
	}
	at.Content = append(at.Content, valueNode(path[0]), value)
	return true
}

// valueNode is a value as YAML reads it, if that is a number, a list or a mapping; any other text is a text.
func valueNode(text string) *yaml.Node {
	var parsed yaml.Node
	if err := yaml.Unmarshal([]byte(text), &parsed); err == nil && len(parsed.Content) == 1 {
		n := parsed.Content[0]
		if n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" && n.Value == text {
			return n
		}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
