// The answers of institutions that a person must act on.

package connector

import "bursar/internal/failure"

// CredentialsError says that an institution rejects the credentials of an account.
type CredentialsError struct {
	Reason string // the institution's; without secrets
}

func (e *CredentialsError) Error() string {
	text := "the institution rejects the credentials"
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Class is Data: the same credentials are rejected again, and repeated attempts may block the account.
func (e *CredentialsError) Class() failure.Class { return failure.Data }

// QuestionError says that an institution asks for something only a person knows, such as a one-time password. The next Login has the answer.
type QuestionError struct {
	Question string
}

func (e *QuestionError) Error() string { return "the institution asks: " + e.Question }

// Class is Data: nothing but an answer helps.
func (e *QuestionError) Class() failure.Class { return failure.Data }

// UnknownAccountError says that the credentials reach no account with an id: it was closed, or its id has changed.
type UnknownAccountError struct {
	Account string
}

func (e *UnknownAccountError) Error() string {
	return "the institution has no account " + e.Account + " for these credentials"
}

// Class is Data.
func (e *UnknownAccountError) Class() failure.Class { return failure.Data }
