package command

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// FatalFetchError is the first error of a poll for which the Java consumer throws;
// it goes on after those that pass, such as a group that is formed anew.
func FatalFetchError(fetches kgo.Fetches) error {
	for _, failed := range fetches.Errors() {
		if err := fatalFetchError(failed); err != nil {
			return err
		}
	}
	return nil
}

func fatalFetchError(failed kgo.FetchError) error {
	var known *kerr.Error
	var group *kgo.ErrGroupSession
	var lost *kgo.ErrDataLoss
	var thrown *Exception
	switch {
	case errors.As(failed.Err, &thrown):
		return thrown
	case errors.As(failed.Err, &known):
		return knownFetchError(failed, known)
	case errors.As(failed.Err, &group), errors.As(failed.Err, &lost), errors.Is(failed.Err, context.DeadlineExceeded), errors.Is(failed.Err, context.Canceled):
		return nil
	}
	return failed.Err
}

func knownFetchError(failed kgo.FetchError, known *kerr.Error) error {
	switch known {
	case kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress:
		return nil
	case kerr.InvalidTopicException:
		return ErrorWith(known, "Invalid topics: [%s]", failed.Topic)
	case kerr.TopicAuthorizationFailed:
		return ErrorWith(known, "Not authorized to access topics: [%s]", failed.Topic)
	case kerr.OffsetOutOfRange:
		return Throw("org.apache.kafka.clients.consumer.OffsetOutOfRangeException", "Fetch position is out of range for partition %s-%d", failed.Topic, failed.Partition)
	}
	if known.Retriable {
		return nil
	}
	return ErrorOf(known.Code, nil)
}
