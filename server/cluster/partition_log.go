package cluster

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// AppendRecordsToLeader appends a produce request's records. The records are
// changed in place. LeaderHWChange of the result tells whom to wake: nobody is
// woken here.
func (p *Partition) AppendRecordsToLeader(records []byte, origin log.AppendOrigin, requiredAcks int16) (log.AppendInfo, error) {
	p.state.RLock()
	defer p.state.RUnlock()
	leaderLog := p.LeaderLog()
	if leaderLog == nil {
		return log.UnknownAppendInfo(UnknownOffset), fmt.Errorf("Leader not local for partition %s on broker %d: %w",
			p.tp, p.broker.ID, kerr.NotLeaderForPartition)
	}
	if requiredAcks == -1 {
		if isr, least := p.isr.Load(), minInsyncReplicas(leaderLog); len(isr.Isr) < least {
			return log.UnknownAppendInfo(UnknownOffset), fmt.Errorf("The size of the current ISR Set(%s) is insufficient to satisfy the min.isr "+
				"requirement of %d for partition %s: %w", jvm.Joined(isr.Isr, ", "), least, p.tp, kerr.NotEnoughReplicas)
		}
	}
	info, err := leaderLog.AppendAsLeader(records, p.LeaderEpoch(), origin)
	if err != nil {
		return info, err
	}
	info.LeaderHWChange = log.HWSame
	if p.maybeIncrementLeaderHW(leaderLog, time.Now()) {
		info.LeaderHWChange = log.HWIncreased
	}
	return info, nil
}

// AppendRecordsToFollower appends what the leader sent to the current log, or
// to the future log what the current one has. ok is false when there is no
// such log any more.
//
// A new follower's first fetch may return a batch that begins below the
// leader's log start; its log then starts at that batch.
func (p *Partition) AppendRecordsToFollower(records []byte, isFuture bool) (info log.AppendInfo, ok bool, err error) {
	info, ok, err = p.appendAsFollower(records, isFuture)
	unexpected, isUnexpected := errors.AsType[*log.UnexpectedAppendOffsetError](err)
	if !isUnexpected {
		return info, ok, err
	}
	local := p.logOrFuture(isFuture)
	if local == nil {
		return info, false, nil
	}
	end := local.LogEndOffset()
	if end != local.LogStartOffset() || unexpected.FirstOffset >= end || unexpected.LastOffset < end {
		return info, ok, err
	}
	p.broker.Log.Infof("[Partition %s broker=%d] Unexpected offset in append to %s. First offset %d is less than log start offset %d. "+
		"Since this is the first record to be appended to the log, will start the log from offset %d.",
		p.tp, p.broker.ID, p.tp, unexpected.FirstOffset, end, unexpected.FirstOffset)
	if err := p.TruncateFullyAndStartAt(unexpected.FirstOffset, isFuture); err != nil {
		return info, ok, err
	}
	return p.appendAsFollower(records, isFuture)
}

func (p *Partition) appendAsFollower(records []byte, isFuture bool) (log.AppendInfo, bool, error) {
	if isFuture {
		p.state.RLock()
		defer p.state.RUnlock()
	} else {
		p.futureLogMu.Lock()
		defer p.futureLogMu.Unlock()
	}
	local := p.logOrFuture(isFuture)
	if local == nil {
		return log.UnknownAppendInfo(UnknownOffset), false, nil
	}
	info, err := local.AppendAsFollower(records)
	return info, true, err
}

func (p *Partition) logOrFuture(isFuture bool) *log.UnifiedLog {
	if isFuture {
		return p.futureLog.Load()
	}
	return p.log.Load()
}

// DeleteRecordsOnLeader raises the log start offset for a DeleteRecords
// request; -1 stands for the high watermark. It returns the offset meant and
// the low watermark reached so far.
func (p *Partition) DeleteRecordsOnLeader(offset int64) (requested, lowWatermark int64, err error) {
	p.state.RLock()
	defer p.state.RUnlock()
	leaderLog := p.LeaderLog()
	if leaderLog == nil {
		return UnknownOffset, UnknownOffset, fmt.Errorf("Leader not local for partition %s on broker %d: %w", p.tp, p.broker.ID, kerr.NotLeaderForPartition)
	}
	if !leaderLog.Config().Delete {
		return UnknownOffset, UnknownOffset, fmt.Errorf("Records of partition %s can not be deleted due to the configured policy: %w",
			p.tp, kerr.PolicyViolation)
	}
	if offset == -1 {
		offset = leaderLog.HighWatermark()
	}
	if offset < 0 {
		return UnknownOffset, UnknownOffset, fmt.Errorf("The offset %d for partition %s is not valid: %w", offset, p.tp, kerr.OffsetOutOfRange)
	}
	if _, err := leaderLog.MaybeIncrementLogStartOffset(offset, log.ClientRecordDeletion); err != nil {
		return UnknownOffset, UnknownOffset, err
	}
	lowWatermark, err = p.LowWatermarkIfLeader()
	return offset, lowWatermark, err
}

// TruncateTo cuts the current or future log.
func (p *Partition) TruncateTo(offset int64, isFuture bool) error {
	p.state.RLock()
	defer p.state.RUnlock()
	return p.broker.LogManager.TruncateTo(map[topic.Partition]int64{p.tp: offset}, isFuture)
}

// TruncateFullyAndStartAt empties the current or future log.
func (p *Partition) TruncateFullyAndStartAt(offset int64, isFuture bool) error {
	p.state.RLock()
	defer p.state.RUnlock()
	return p.broker.LogManager.TruncateFullyAndStartAt(p.tp, offset, isFuture)
}

// FollowLeaderOffsets takes over the leader's high watermark and log start after
// an append. It reports whether consumers may see more, or less, than before.
func (p *Partition) FollowLeaderOffsets(highWatermark, logStartOffset int64) (changed bool, err error) {
	p.futureLogMu.Lock() // a log that was moved meanwhile would miss them
	defer p.futureLogMu.Unlock()
	local, err := p.LocalLog()
	if err != nil {
		return false, err
	}
	before := local.HighWatermark()
	changed = local.UpdateHighWatermark(highWatermark) != before
	_, err = local.MaybeIncrementLogStartOffset(logStartOffset, log.LeaderOffsetIncremented)
	return changed, err
}
