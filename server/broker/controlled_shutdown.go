package broker

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/channel"
	"github.com/gregor-broker/gregor/server/protocol"
)

// controlledShutdown asks the controller to move the leaderships of this broker
// elsewhere, again until it has or the tries are used up.
func (s *KafkaServer) controlledShutdown() {
	s.log.Info(s.prefix + "Starting controlled shutdown")
	s.replicas.PrepareShutdown()
	settings := s.senders.config("")
	settings.ConnectTimeout = time.Duration(config.ControllerSocketTimeoutMs.Get(s.settings())) * time.Millisecond
	sender := channel.NewSender(settings)
	defer sender.Close()
	backoff := time.Duration(config.ControlledShutdownRetryBackoffMs.Get(s.settings())) * time.Millisecond
	for remaining := config.ControlledShutdownMaxRetries.Get(s.settings()); remaining > 0; {
		if s.askForShutdown(sender) {
			return
		}
		if remaining--; remaining > 0 {
			time.Sleep(backoff)
			s.log.Infof("%sRetrying controlled shutdown (%d retries remaining)", s.prefix, remaining)
		}
	}
	s.log.Warn(s.prefix + "Proceeding to do an unclean shutdown as all the controlled shutdown attempts failed")
}

// controlledShutdownVersion is the version of the request by inter-broker protocol.
func (s *KafkaServer) controlledShutdownVersion() int16 {
	switch version := s.settings().InterBrokerProtocolVersion(); {
	case version < config.IBP_0_9_0:
		return 0
	case version < config.IBP_2_2_IV0:
		return 1
	case version < config.IBP_2_4_IV1:
		return 2
	}
	return 3
}

func (s *KafkaServer) askForShutdown(sender *channel.Sender) bool {
	node, known := s.controllerNode()
	if !known {
		s.log.Info(s.prefix + "No controller present in the metadata cache")
		return false
	}
	request := kmsg.NewPtrControlledShutdownRequest()
	request.SetVersion(s.controlledShutdownVersion())
	request.BrokerID, request.BrokerEpoch = s.brokerID, s.brokerEpoch()
	began := time.Now()
	response, err := sender.Send(context.Background(), node, request)
	answer, ok := response.(*kmsg.ControlledShutdownResponse)
	took := time.Since(began).Milliseconds()
	switch {
	case err != nil || !ok:
		s.log.Warnf("%sError during controlled shutdown, possibly because leader movement took longer than the configured controller.socket.timeout.ms and/or request.timeout.ms: %v", s.prefix, err)
		return false
	case answer.ErrorCode != 0:
		s.log.Infof("%sControlled shutdown request returned after %dms with error %s", s.prefix, took, protocol.ErrorName(answer.ErrorCode))
		return false
	case len(answer.PartitionsRemaining) > 0:
		s.log.Infof("%sControlled shutdown request returned after %dms with %d partitions remaining to move", s.prefix, took, len(answer.PartitionsRemaining))
		return false
	}
	s.log.Infof("%sControlled shutdown request returned successfully after %dms", s.prefix, took)
	return true
}
