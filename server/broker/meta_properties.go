package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/config"
)

const metaPropertiesFile = "meta.properties"

// metaProperties says whose a log directory is: the content of its
// meta.properties, as kafka.server.ZkMetaProperties.
type metaProperties struct {
	clusterID string
	// brokerID is -1 when the file has none.
	brokerID int
}

// readMetaProperties returns what the directories agree on, nil when none has a
// file, and the directories that could not be read. Directories that contradict
// each other are an error, as in BrokerMetadataCheckpoint.
func readMetaProperties(dirs []string) (found *metaProperties, offline []string, err error) {
	var from string
	for _, dir := range dirs {
		path := filepath.Join(dir, metaPropertiesFile)
		properties, err := config.ReadPropertiesFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			offline = append(offline, dir)
			continue
		}
		meta, err := parseMetaProperties(path, properties)
		if err != nil {
			return nil, nil, err
		}
		if found != nil && *found != *meta {
			return nil, nil, fmt.Errorf("BrokerMetadata is not consistent across log.dirs. This could happen if multiple brokers shared a log directory (log.dirs) or partial data was manually copied from another broker. Found:\n- %s -> %s\n- %s -> %s", from, found, dir, meta)
		}
		found, from = meta, dir
	}
	return found, offline, nil
}

func parseMetaProperties(path string, properties map[string]string) (*metaProperties, error) {
	meta := &metaProperties{clusterID: properties["cluster.id"], brokerID: -1}
	if version, ok := properties["version"]; ok && strings.TrimSpace(version) != "0" {
		return nil, fmt.Errorf("Failed to parse %s: Expected version 0 in %s but found version %s", path, metaPropertiesFile, version) //nolint:staticcheck // Kafka's sentence
	}
	if text, ok := properties["broker.id"]; ok {
		id, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%s: broker.id %q is not a number", path, text)
		}
		meta.brokerID = id
	}
	return meta, nil
}

func (m *metaProperties) String() string {
	return fmt.Sprintf("{version=0, broker.id=%d, cluster.id=%s}", m.brokerID, m.clusterID)
}

// write stores the file durably: a temporary one, synced, then renamed, then the
// directory synced.
func (m *metaProperties) write(dir string) error {
	path := filepath.Join(dir, metaPropertiesFile)
	content := fmt.Sprintf("#\n#%s\ncluster.id=%s\nversion=0\nbroker.id=%d\n",
		time.Now().Format("Mon Jan 02 15:04:05 MST 2006"), m.clusterID, m.brokerID)
	if err := writeSynced(path+".tmp", content); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeSynced(path, content string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncDir(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(handle.Sync(), handle.Close())
}
