// The classifier: from any error to its class.

package failure

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// passing are the operating system's answers that another moment, or a person making room, can change.
var passing = []error{
	syscall.EAGAIN, syscall.EINTR, syscall.EBUSY, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE,
	syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EPIPE,
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ETIMEDOUT,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH,
}

// places are its answers about names and places that neither waiting nor other code makes right.
var places = []error{syscall.EROFS, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.ENOTDIR}

// Of returns the class of err. What an error declares of itself wins. Of the others, deadlines, interruptions, the
// network, and a full disk are Transient; a wanted file that is absent or closed to us is Data, since neither waiting
// nor other code brings it back. All else is Bug: a room that wants its errors retried must say so, because only it
// knows, and a step repeated five times in vain hides the cause for as long.
func Of(err error) Class {
	var c Classified
	switch {
	case errors.As(err, &c):
		return c.Class()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Transient
	case isAny(err, passing), fromNetwork(err):
		return Transient
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), isAny(err, places):
		return Data
	}
	return Bug
}

// fromNetwork asks for concrete types: every system call's error number is a net.Error too.
func fromNetwork(err error) bool {
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
