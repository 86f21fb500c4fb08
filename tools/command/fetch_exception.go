package command

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// FetchException is an error of a poll as the Java consumer throws it.
func FetchException(failed kgo.FetchError) error {
	var known *kerr.Error
	if !errors.As(failed.Err, &known) {
		return failed.Err
	}
	switch known.Code {
	case kerr.InvalidTopicException.Code:
		return ErrorWith(known, "Invalid topics: [%s]", failed.Topic)
	case kerr.TopicAuthorizationFailed.Code:
		return ErrorWith(known, "Not authorized to access topics: [%s]", failed.Topic)
	case kerr.OffsetOutOfRange.Code:
		return Throw("org.apache.kafka.clients.consumer.OffsetOutOfRangeException",
			"Fetch position is out of range for partition %s-%d", failed.Topic, failed.Partition)
	}
	return ErrorOf(known.Code, nil)
}
