package broker

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/config"
)

func writeMeta(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, metaPropertiesFile), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMetaPropertiesComeBackAsWritten(t *testing.T) {
	dir, empty := t.TempDir(), t.TempDir()
	written := metaProperties{clusterID: "vPeOCWypqUOSepEvx0cbog", brokerID: 7}
	if err := written.write(dir); err != nil {
		t.Fatal(err)
	}
	found, offline, err := readMetaProperties([]string{empty, dir})
	if err != nil || len(offline) != 0 || *found != written {
		t.Errorf("found %v, offline %v, %v", found, offline, err)
	}
}

func TestDirectoriesWithoutFileSayNothing(t *testing.T) {
	if found, _, err := readMetaProperties([]string{t.TempDir()}); found != nil || err != nil {
		t.Error(found, err)
	}
}

func TestMetaPropertiesThatDisagreeAreRefused(t *testing.T) {
	one := writeMeta(t, "version=0\nbroker.id=1\ncluster.id=a\n")
	two := writeMeta(t, "version=0\nbroker.id=2\ncluster.id=a\n")
	_, _, err := readMetaProperties([]string{one, two})
	if err == nil || !strings.Contains(err.Error(), "not consistent across log.dirs") {
		t.Error(err)
	}
}

func TestMetaPropertiesOfAnotherVersionAreRefused(t *testing.T) {
	_, _, err := readMetaProperties([]string{writeMeta(t, "version=1\nnode.id=1\ncluster.id=a\n")})
	if err == nil || !strings.Contains(err.Error(), "Expected version 0") {
		t.Error(err)
	}
}

// FuzzMetaProperties reads any file; what is accepted comes back as it is written.
func FuzzMetaProperties(f *testing.F) {
	f.Add("version=0\nbroker.id=7\ncluster.id=a\n")
	f.Add("broker.id = -1\\\n2\nversion: 0 \n")
	f.Add("version=1\nnode.id=1\n")
	f.Fuzz(func(t *testing.T, content string) {
		properties, err := config.ReadProperties(strings.NewReader(content))
		if err != nil {
			return
		}
		meta, err := parseMetaProperties("dir", properties)
		if err != nil {
			return
		}
		id := strconv.Itoa(meta.brokerID)
		again, err := parseMetaProperties("dir", map[string]string{"version": "0", "broker.id": id, "cluster.id": meta.clusterID})
		if err != nil || *again != *meta {
			t.Errorf("%v is %v, %v", meta, again, err)
		}
	})
}
