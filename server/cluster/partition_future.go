package cluster

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log"
)

// MaybeCreateFutureReplica makes the future log in another log directory. It
// reports false when the current log is there already or a future one exists.
func (p *Partition) MaybeCreateFutureReplica(logDir string, checkpoints OffsetCheckpoints) (bool, error) {
	p.state.Lock()
	defer p.state.Unlock()
	current, err := p.LocalLog()
	if err != nil {
		return false, err
	}
	if current.ParentDir() == logDir {
		p.broker.Log.Infof("[Partition %s broker=%d] Current log directory %s is same as requested log dir %s. Skipping future replica creation.",
			p.tp, p.broker.ID, logDir, logDir)
		return false, nil
	}
	if future := p.futureLog.Load(); future != nil {
		if future.ParentDir() != logDir {
			return false, fmt.Errorf("The future log dir %s of %s is different from the requested log dir %s: %w",
				future.ParentDir(), p.tp, logDir, kerr.UnknownServerError)
		}
		return false, nil
	}
	// A future log that this partition does not know is of a move that was given
	// up; it must not pass for the one asked for.
	if stray := p.broker.LogManager.GetLog(p.tp, true); stray != nil && stray.ParentDir() != logDir {
		if err := p.broker.LogManager.AsyncDelete(p.tp, true); err != nil {
			return false, err
		}
	}
	return true, p.createLogLocked(false, true, checkpoints, current.TopicID())
}

// FutureReplicaDirChanged reports whether a future log exists elsewhere than in
// the given directory.
func (p *Partition) FutureReplicaDirChanged(logDir string) bool {
	future := p.futureLog.Load()
	return future != nil && future.ParentDir() != logDir
}

// RemoveFutureLocalReplica gives a move up and deletes the future log.
func (p *Partition) RemoveFutureLocalReplica() error {
	p.state.Lock()
	defer p.state.Unlock()
	p.futureLog.Store(nil)
	if p.broker.LogManager.GetLog(p.tp, true) == nil {
		return nil // gone with its directory
	}
	return p.broker.LogManager.AsyncDelete(p.tp, true)
}

// ForgetFutureLog gives a move up whose directory failed.
func (p *Partition) ForgetFutureLog() {
	p.state.Lock()
	defer p.state.Unlock()
	p.futureLog.Store(nil)
}

// MaybeReplaceCurrentWithFutureReplica swaps the logs once the future one has
// all that the current one has. Nothing is appended meanwhile, and what came
// since the last copy is copied here, up to maxBytes: a partition that is written
// to all the time would never let the future log be level.
//
// The caller has made durable what the future log had before. Here the rest is:
// what was safe on the old disk is then safe on the new one, and the old log may
// go.
func (p *Partition) MaybeReplaceCurrentWithFutureReplica(maxBytes int) (replaced bool, err error) {
	p.futureLogMu.Lock()
	defer p.futureLogMu.Unlock()
	p.state.Lock()
	defer p.state.Unlock()
	current, future := p.log.Load(), p.futureLog.Load()
	if current == nil || future == nil {
		return false, nil
	}
	if level, err := copyRest(current, future, maxBytes); err != nil || !level {
		return false, err
	}
	if err := p.levelOffsetsLocked(current, future); err != nil {
		return false, err
	}
	if err := future.Flush(); err != nil {
		return false, err
	}
	p.moved.Store(true)
	if err := p.broker.LogManager.ReplaceCurrentWithFutureLog(p.tp); err != nil {
		return false, err
	}
	p.log.Store(future)
	p.futureLog.Store(nil)
	return true, nil
}

// copyRest copies what the future log lacks, if one read can, and reports whether
// both logs then end at the same offset.
func copyRest(current, future *log.UnifiedLog, maxBytes int) (level bool, err error) {
	end := future.LogEndOffset()
	if end >= current.LogEndOffset() {
		return end == current.LogEndOffset(), nil
	}
	rest, err := current.Read(end, maxBytes, log.FetchLogEnd, true)
	if err != nil {
		return false, err
	}
	defer rest.Release()
	records, err := rest.ReadAll(nil)
	if err != nil || len(records) == 0 {
		return false, err
	}
	if _, err := future.AppendAsFollower(records); err != nil {
		return false, err
	}
	return future.LogEndOffset() == current.LogEndOffset(), nil
}

// levelOffsetsLocked gives the future log what does not come with the records:
// watermark and start, which must not go back, and the epoch that began without a
// record.
func (p *Partition) levelOffsetsLocked(current, future *log.UnifiedLog) error {
	start := current.LogStartOffset() // before the high watermark, which is never below it
	future.UpdateHighWatermark(current.HighWatermark())
	if _, err := future.MaybeIncrementLogStartOffset(start, log.LeaderOffsetIncremented); err != nil {
		return err
	}
	if p.leaderEpochStartOffset == UnknownOffset {
		return nil
	}
	if latest, ok := future.LatestEpoch(); ok && latest >= p.LeaderEpoch() {
		return nil
	}
	return future.MaybeAssignEpochStartOffset(p.LeaderEpoch(), max(p.leaderEpochStartOffset, start))
}
