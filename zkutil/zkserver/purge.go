package zkserver

import (
	"os"
	"time"
)

// minSnapRetainCount is the least number of snapshots a purge leaves.
const minSnapRetainCount = 3

// purgePeriodically runs the purge at start and then every PurgeInterval
// (DatadirCleanupManager).
func (s *Server) purgePeriodically() {
	ticker := time.NewTicker(s.cfg.PurgeInterval)
	defer ticker.Stop()
	for {
		logger := s.logger("DatadirCleanupManager")
		logger.Info("Purge task started.")
		if err := s.storage.purge(s.cfg.SnapRetainCount, func(path string) {
			logger.Infof("Removing file: %s", path)
		}); err != nil {
			logger.WithError(err).Error("Error occurred while purging.")
		}
		logger.Info("Purge task completed.")
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
	}
}

// purge removes all but the newest snapshots, and the logs that only older
// snapshots need (PurgeTxnLog).
func (st *storage) purge(retain int, removing func(path string)) error {
	snapshots, err := filesByZxid(st.snapDir, snapshotPrefix)
	if err != nil {
		return err
	}
	keep := len(snapshots)
	for valid := 0; keep > 0 && valid < max(retain, minSnapRetainCount); keep-- {
		if endsLikeSnapshot(snapshots[keep-1].path) {
			valid++
		}
	}
	if keep == 0 {
		return nil
	}
	oldest := snapshots[keep].zxid
	logs, err := filesByZxid(st.logDir, logPrefix)
	if err != nil {
		return err
	}
	obsolete := snapshots[:keep]
	obsolete = append(obsolete[:len(obsolete):len(obsolete)], logs[:len(logs)-len(logsSince(logs, oldest))]...)
	for _, file := range obsolete {
		removing(file.path)
		if err := os.Remove(file.path); err != nil {
			return err
		}
	}
	return nil
}
