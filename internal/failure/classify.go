// The classifier, which returns the class of any error.

package failure

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// transientErrnos are the system's errors that pass, or that a person can remove by freeing space.
var transientErrnos = []error{
	syscall.EAGAIN, syscall.EINTR, syscall.EBUSY, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE,
	syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EPIPE,
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ETIMEDOUT,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH,
}

// dataErrnos are the system's errors about paths and file systems that neither waiting nor other code corrects.
var dataErrnos = []error{syscall.EROFS, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.ENOTDIR}

// Of returns the class of err: the one that the error declares, if it does. Otherwise deadlines, cancellation, network errors and
// a full disk are Transient. A file that is missing or not accessible is Data, because neither waiting nor other code helps. All
// other errors are Bug: a package that wants its errors retried must declare their class, since only it knows whether a retry
// is useful.
func Of(err error) Class {
	var c Classified
	switch {
	case errors.As(err, &c):
		return c.Class()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Transient
	case isAny(err, transientErrnos), isNetworkError(err):
		return Transient
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), isAny(err, dataErrnos):
		return Data
	}
	return Bug
}

// isNetworkError checks for concrete types, because every errno of a system call implements net.Error.
func isNetworkError(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) || errors.As(err, &dns)
}

func isAny(err error, targets []error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
