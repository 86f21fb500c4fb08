package admin

import (
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// FinalizedFeatures follows /feature, the features that the cluster has finalized
// (KIP-584). It mirrors kafka.server.FinalizedFeatureCache and
// FinalizedFeatureChangeListener.
type FinalizedFeatures struct {
	zk  *zkutil.KafkaZkClient
	log *logrus.Entry

	changes *watchLoop

	mu       sync.Mutex
	features map[string]zkdata.FinalizedVersionRange
	epoch    int64
	updated  chan struct{} // closed by the next update
}

const (
	finalizedFeaturesHandler = "finalized-features"
	noFeatureEpoch           = int64(-1)
)

// NewFinalizedFeatures knows of none and starts nothing.
func NewFinalizedFeatures(zk *zkutil.KafkaZkClient) *FinalizedFeatures {
	return &FinalizedFeatures{
		zk: zk, log: logging.For("kafka.server.FinalizedFeatureChangeListener"),
		changes: newWatchLoop(), epoch: noFeatureEpoch, updated: make(chan struct{}),
	}
}

// Start reads the node and goes on when it changes.
func (f *FinalizedFeatures) Start() error {
	f.zk.RegisterStateChangeHandler(zkclient.StateChangeHandler{Name: finalizedFeaturesHandler, AfterInitializingSession: f.changes.wake})
	if _, err := f.zk.RegisterZNodeChangeHandlerAndCheckExistence(zkclient.NodeChangeHandler{
		Path: zkdata.FeaturePath, HandleCreation: f.changes.wake, HandleDeletion: f.changes.wake, HandleDataChange: f.changes.wake,
	}); err != nil {
		return err
	}
	if err := f.read(); err != nil {
		return err
	}
	f.changes.start(func() {
		if err := f.read(); err != nil {
			f.log.Errorf("Failed to read the feature ZK node at path: %s: %v", zkdata.FeaturePath, err)
		}
	})
	return nil
}

// Close stops following and waits.
func (f *FinalizedFeatures) Close() {
	f.zk.UnregisterStateChangeHandler(finalizedFeaturesHandler)
	f.zk.UnregisterZNodeChangeHandler(zkdata.FeaturePath)
	f.changes.close()
}

// read takes the node over. Features that are not enabled are none.
func (f *FinalizedFeatures) read() error {
	node, version, found, err := f.zk.GetFeatureZNode()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.features, f.epoch = nil, noFeatureEpoch
	if found && node.Status == zkdata.FeatureEnabled {
		f.features, f.epoch = node.Features, int64(version)
	}
	close(f.updated)
	f.updated = make(chan struct{})
	return nil
}

// Latest gives the features, which the caller does not change, and their epoch: the
// node's version, -1 without one.
func (f *FinalizedFeatures) Latest() (features map[string]zkdata.FinalizedVersionRange, epoch int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.features, f.epoch
}

// WaitUntilEpoch returns nil once the features are of that version of the node or a
// later one, and an error after the timeout.
func (f *FinalizedFeatures) WaitUntilEpoch(epoch int32, timeout time.Duration) error {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		f.mu.Lock()
		reached, updated := f.epoch >= int64(epoch), f.updated
		f.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-updated:
		case <-f.changes.stopped:
			return fmt.Errorf("the broker stops before the features are of epoch %d", epoch)
		case <-deadline.C:
			return fmt.Errorf("Timed out after waiting for %dms for required condition to be met. Current epoch: %d.", timeout.Milliseconds(), epoch) //nolint:staticcheck // Kafka's sentence
		}
	}
}
