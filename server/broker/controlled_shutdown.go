package broker

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/channel"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
)

// controlledShutdown asks the controller to move the leaderships of this broker
// elsewhere, again until it has, the tries are used up, or ZooKeeper is away for too
// long.
func (s *KafkaServer) controlledShutdown() {
	s.log.Info(s.prefix + "Starting controlled shutdown")
	s.replicas.PrepareShutdown()
	session := config.Milliseconds(config.ZookeeperSessionTimeoutMs.Get(s.settings()))
	ctx, end := whileConnected(s.zk.SessionState, session)
	defer end()
	settings := s.senders.config("")
	settings.ConnectTimeout = config.Milliseconds(config.ControllerSocketTimeoutMs.Get(s.settings()))
	sender := channel.NewSender(settings)
	defer sender.Close()
	backoff := config.Milliseconds(config.ControlledShutdownRetryBackoffMs.Get(s.settings()))
	for remaining := config.ControlledShutdownMaxRetries.Get(s.settings()); remaining > 0 && ctx.Err() == nil; {
		if s.askForShutdown(ctx, sender) {
			return
		}
		if remaining--; remaining > 0 && sleep(ctx, backoff) {
			s.log.Infof("%sRetrying controlled shutdown (%d retries remaining)", s.prefix, remaining)
		}
	}
	s.log.Warn(s.prefix + "Proceeding to do an unclean shutdown as all the controlled shutdown attempts failed")
}

// whileConnected gives a context that ends when ZooKeeper was away for longer than
// the session: the controller cannot answer then, whoever it is, and moves the
// leaderships by itself when ZooKeeper is back. end waits for what watches.
func whileConnected(state func() zkclient.State, session time.Duration) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		connected := time.Now()
		for sleep(ctx, session/10) {
			if state() == zkclient.Connected {
				connected = time.Now()
			} else if time.Since(connected) > session {
				cancel()
			}
		}
	})
	return ctx, func() {
		cancel()
		watching.Wait()
	}
}

// sleep reports whether the time went by before the context ended.
func sleep(ctx context.Context, length time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(length):
		return true
	}
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

func (s *KafkaServer) askForShutdown(ctx context.Context, sender *channel.Sender) bool {
	node, known := s.controllerNode()
	if !known {
		s.log.Info(s.prefix + "No controller present in the metadata cache")
		return false
	}
	request := kmsg.NewPtrControlledShutdownRequest()
	request.SetVersion(s.controlledShutdownVersion())
	request.BrokerID, request.BrokerEpoch = s.brokerID, s.brokerEpoch()
	began := time.Now()
	response, err := sender.Send(ctx, node, request)
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
