// Package project reads and checks a user's project folder: bursar.yaml, streams, pipelines, institutions, loads, models and jobs. It owns the
// declared types, and guarantees that a folder read without an error is consistent. It must not touch state or bind SQL.
package project

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/project/doc"
)

// Project is a read project folder.
type Project struct {
	Dir       string
	Config    Config
	Streams   []*Stream   // sorted by name
	Pipelines []*Pipeline // sorted by name

	Institutions []*Institution // sorted by name
	Models       []*Model       // sorted by name
	Loads        []*Load        // sorted by name
	Jobs         []*Job         // sorted by name

	builtin []*Stream   // see Shadowing
	content fileDigests // of the files, when they were read
}

// source is what is known of a declaration's file.
type source struct {
	lines     doc.Lines
	broken    bool
	variables []string // see EnvironmentVariables
}

// Lines returns the line of each key in the file.
func (s *source) Lines() doc.Lines { return s.lines }

// Broken reports whether the file has errors, so that binding its expressions would only repeat them.
func (s *source) Broken() bool { return s.broken }

// AllStreams returns the declared streams, then the built-in ones.
func (p *Project) AllStreams() []*Stream { return slices.Concat(p.Streams, p.builtin) }

// LiveStreams returns the streams whose events are accepted one by one: the declared ones, and the built-in ones that refreshes of accounts fill.
func (p *Project) LiveStreams() []*Stream {
	return slices.DeleteFunc(p.AllStreams(), func(s *Stream) bool { return s.Builtin && !s.Reported })
}

// Stream finds a declared or built-in stream by name, or nil.
func (p *Project) Stream(name string) *Stream {
	return find(p.AllStreams(), func(s *Stream) bool { return s.Name == name })
}

// Pipeline finds a pipeline by name, or nil.
func (p *Project) Pipeline(name string) *Pipeline {
	return find(p.Pipelines, func(l *Pipeline) bool { return l.Name == name })
}

// Institution finds an institution by name, or nil.
func (p *Project) Institution(name string) *Institution {
	return find(p.Institutions, func(i *Institution) bool { return i.Name == name })
}

// find returns the first element that is the wanted one, or nil.
func find[T any](list []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return nil
}

// findIn is find for a list of values.
func findIn[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

func columnName(c *Column) string  { return c.Name }
func streamName(s **Stream) string { return (*s).Name }

// namesOf lists the names of declarations, for messages.
func namesOf[T any](list []T, name func(*T) string) []string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = name(&list[i])
	}
	return names
}

const configFile = "bursar.yaml"

// Read reads a project folder and checks everything that needs no SQL. Every error is reported, sorted by file and line. With errors the
// project is incomplete: it may be passed to bind.Check and used for messages, but not for work.
func Read(dir string) (*Project, []doc.Error) {
	p := &Project{Dir: dir, content: readDigests(dir)}
	if _, err := os.Stat(filepath.Join(dir, configFile)); errors.Is(err, fs.ErrNotExist) {
		return p, []doc.Error{{File: configFile, Line: 1, Message: fmt.Sprintf(
			"%s is not a project folder: it has no %s; `bursar init DIR` makes one", dir, configFile)}}
	}
	errs := readFile(dir, configFile, func(data []byte) []doc.Error {
		config, errs := parseConfig(configFile, data)
		p.Config = config
		return errs
	})
	errs = append(errs, eachFile(dir, "streams", func(file string, data []byte) []doc.Error {
		s, errs := parseStream(file, data)
		p.Streams = append(p.Streams, s)
		return errs
	})...)
	errs = append(errs, eachFile(dir, "institutions", func(file string, data []byte) []doc.Error {
		i, errs := parseInstitution(file, data)
		p.Institutions = append(p.Institutions, i)
		return errs
	})...)
	p.addBuiltin()
	errs = append(errs, eachFile(dir, "pipelines", func(file string, data []byte) []doc.Error {
		l, errs := parsePipeline(file, data, p)
		p.Pipelines = append(p.Pipelines, l)
		return errs
	})...)
	errs = append(errs, checkInstitutions(p.Institutions)...)
	errs = append(errs, p.checkConnections()...)
	errs = append(errs, eachFile(dir, WarehouseFolder, func(file string, data []byte) []doc.Error {
		l, errs := parseLoad(file, data, p.Config.Schedules.Zone)
		p.Loads = append(p.Loads, l)
		return errs
	})...)
	errs = append(errs, eachFile(dir, JobsFolder, func(file string, data []byte) []doc.Error {
		j, errs := parseJob(file, data)
		p.Jobs = append(p.Jobs, j)
		return errs
	})...)
	slices.SortFunc(p.Institutions, func(a, b *Institution) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Streams, func(a, b *Stream) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Pipelines, func(a, b *Pipeline) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Loads, func(a, b *Load) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Jobs, func(a, b *Job) int { return strings.Compare(a.Name, b.Name) })
	errs = append(errs, p.checkJobs()...)
	errs = append(errs, p.readModels()...)
	errs = append(errs, p.checkTables()...)
	doc.SortErrors(errs)
	return p, errs
}

// eachFile reads the .yaml files of one of the project's folders, which may be missing.
func eachFile(dir, folder string, read func(file string, data []byte) []doc.Error) []doc.Error {
	entries, err := os.ReadDir(filepath.Join(dir, folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []doc.Error{{File: folder, Line: 1, Message: "cannot be read: " + cause(err)}}
	}
	var errs []doc.Error
	for _, e := range entries {
		file := path.Join(folder, e.Name())
		switch filepath.Ext(e.Name()) {
		case ".yaml":
			errs = append(errs, readFile(dir, file, func(data []byte) []doc.Error { return read(file, data) })...)
		case ".yml":
			errs = append(errs, doc.Error{File: file, Line: 1, Message: "is not read: name it .yaml"})
		}
	}
	return errs
}

// readFile passes a file's bytes to read; one byte more than the limit is enough to detect that it is too large.
func readFile(dir, file string, read func(data []byte) []doc.Error) []doc.Error {
	data, err := readLimited(os.DirFS(filepath.Clean(dir)), file)
	if err != nil {
		return []doc.Error{{File: file, Line: 1, Message: "cannot be read: " + cause(err)}}
	}
	return read(data)
}

func readLimited(folder fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(folder, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return nil, errors.New("it is not a regular file")
	}
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, doc.MaxFile+1))
}

// cause omits the path, which the error has already.
func cause(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

// nameFromFile returns the name that a file must declare at key, and checks that it does.
func nameFromFile(o doc.Section, key string) string {
	name := strings.TrimSuffix(path.Base(o.Src.Path), ".yaml")
	if !doc.IsName(name) {
		o.Src.Fail(1, "the file's name must be a name and .yaml: lower-case letters, digits and _, starting with a letter")
	} else if declared := o.Text(key); declared != "" && declared != name {
		o.Fail(key, "is %s but the file is named %s.yaml: they must agree", doc.Brief(declared), name)
	}
	return name
}

// fileDigests are digests of the folder's files, by name.
type fileDigests map[string][sha256.Size]byte

// readDigests reads the files with declarations. A file that cannot be read counts as empty.
func readDigests(dir string) fileDigests {
	files := fileDigests{}
	add := func(file string) {
		data, _ := readLimited(os.DirFS(filepath.Clean(dir)), file) // Read reports what cannot be read
		files[file] = sha256.Sum256(data)
	}
	add(configFile)
	for _, folder := range []string{"streams", "pipelines", "institutions", WarehouseFolder, JobsFolder} {
		entries, _ := os.ReadDir(filepath.Join(dir, folder))
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); ext == ".yaml" || ext == ".sql" {
				add(path.Join(folder, e.Name()))
			}
		}
	}
	return files
}

// InstitutionsDigest is a digest of the institutions' files as they were read.
func (p *Project) InstitutionsDigest() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(p.content)) {
		if strings.HasPrefix(name, "institutions/") {
			fmt.Fprintf(sum, "%q %x\n", name, p.content[name])
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Changed names the files of the folder that were changed, added or removed since the project was read.
func (p *Project) Changed() (names []string) {
	now := readDigests(p.Dir)
	for name, digest := range now {
		if was, read := p.content[name]; !read || was != digest {
			names = append(names, name)
		}
	}
	for name := range p.content {
		if _, there := now[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
