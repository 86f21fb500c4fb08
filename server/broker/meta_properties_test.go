package broker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
