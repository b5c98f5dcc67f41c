// How a guard starts the program: where it is found, what it inherits, and why it can't be started.

package process

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// defaultPath is where programs are searched for if the environment has no PATH.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

// start starts the program in a session of its own, and returns the process id.
func (s *specification) start() (int, *startFailure) {
	path, refused := s.find()
	if refused != nil {
		return 0, refused
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, refuse(err, "")
	}
	defer null.Close()
	keepFromProgram()
	stderr := uintptr(outputFD)
	if s.Separate {
		stderr = errorFD
	}
	args := []string{s.Path}
	for _, a := range s.Args {
		args = append(args, string(a))
	}
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{
		Env: s.programEnv(), Files: []uintptr{null.Fd(), outputFD, stderr}, Sys: programSession(),
	})
	_ = syscall.Close(outputFD)
	if s.Separate {
		_ = syscall.Close(errorFD)
	}
	if err != nil {
		return 0, refuse(err, hint(err))
	}
	return pid, nil
}

// find changes to the program's folder, and finds the program there or in its own PATH.
func (s *specification) find() (string, *startFailure) {
	if s.Dir != "" {
		if err := os.Chdir(s.Dir); err != nil {
			return "", refuse(err, "create the folder or correct `dir`")
		}
	}
	search := value(s.Env, "PATH")
	if search == "" {
		search = defaultPath
	}
	if err := os.Setenv("PATH", search); err != nil {
		return "", refuse(err, "")
	}
	path, err := exec.LookPath(s.Path)
	switch {
	case err == nil:
		return path, nil
	case strings.Contains(s.Path, "/") && errors.Is(err, fs.ErrPermission):
		return "", refuse(err, "make it executable, as with chmod +x")
	case strings.Contains(s.Path, "/"):
		return "", refuse(err, "a path with a slash is relative to the folder in which the program is executed"+currentFolder())
	}
	return "", refuse(err, "it was searched for in "+search)
}

// currentFolder names the current folder for a message, if it is known.
func currentFolder() string {
	if dir, err := os.Getwd(); err == nil {
		return ", " + dir
	}
	return ""
}

// refuse returns why a program was not started. The program's path, which such errors repeat, is already in the message.
func refuse(err error, hint string) *startFailure {
	f := &startFailure{Cause: err.Error(), Hint: hint}
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		f.Cause = lookup.Err.Error()
		var path *fs.PathError
		if errors.As(lookup.Err, &path) {
			f.Cause = path.Err.Error()
		}
	}
	switch {
	case errors.As(err, &f.Errno):
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		f.Errno, f.Cause = syscall.ENOENT, syscall.ENOENT.Error()
	case errors.Is(err, fs.ErrPermission):
		f.Errno = syscall.EACCES
	}
	return f
}

// hint returns what to do about an error of a program that was found.
func hint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOENT):
		return "its first line names an interpreter that does not exist, or it is for another system"
	case errors.Is(err, syscall.ENOEXEC):
		return "the first line of a script names its interpreter, as in #!/bin/sh"
	case errors.Is(err, syscall.E2BIG):
		return "its arguments and environment are too long"
	}
	return ""
}
