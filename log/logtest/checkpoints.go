package logtest

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/checkpoint"
	"github.com/gregor-broker/gregor/log/vfs"
)

const metaProperties = "meta.properties"

// topFiles are what may lie beside the partitions.
var topFiles = map[string]bool{
	checkpoint.RecoveryPointFile: true, checkpoint.LogStartOffsetFile: true, checkpoint.HighWatermarkFile: true, checkpoint.CleanerOffsetFile: true,
	metaProperties: true, ".lock": true, ".kafka_cleanshutdown": true, vfs.ReserveFile: true,
}

func (c *Checker) checkTopFile(report *Report, dir, name string) {
	full := path.Join(dir, name)
	switch {
	case !topFiles[strings.TrimSuffix(name, ".tmp")]:
		report.problem(full, "is no file of a log directory")
	case name == ".kafka_cleanshutdown" && c.State != Settled:
		report.problem(full, "tells of a clean shutdown that was none")
	case name == metaProperties:
		c.checkMetaProperties(report, full)
	}
}

func (c *Checker) checkMetaProperties(report *Report, name string) {
	content, err := vfs.ReadFile(c.FS, name)
	if err != nil {
		report.problem(name, "%v", err)
		return
	}
	properties, err := config.ReadProperties(bytes.NewReader(content))
	if err != nil {
		report.problem(name, "%v", err)
		return
	}
	if id, err := strconv.Atoi(properties["broker.id"]); err != nil || id < 0 || properties["version"] != "0" || properties["cluster.id"] == "" {
		report.problem(name, "has %v", properties)
	}
}

// checkpoints gives the recovery points.
func (c *Checker) checkpoints(report *Report, dir string) map[topic.Partition]int64 {
	if c.RecoveryPoints != nil {
		return c.RecoveryPoints
	}
	return c.readOffsets(report, dir, checkpoint.RecoveryPointFile)
}

func (c *Checker) readOffsets(report *Report, dir, name string) map[topic.Partition]int64 {
	offsets, err := checkpoint.NewOffsetCheckpoint(c.FS, dir, name).Read()
	if err != nil {
		report.problem(path.Join(dir, name), "%v", err)
	}
	return offsets
}

// checkOffsets holds what was noted of the partitions against what they have.
// Partitions may be gone from the directory and not yet from the files.
func (c *Checker) checkOffsets(report *Report, dir string) {
	for _, name := range []string{checkpoint.RecoveryPointFile, checkpoint.LogStartOffsetFile, checkpoint.HighWatermarkFile, checkpoint.CleanerOffsetFile} {
		for partition, offset := range c.readOffsets(report, dir, name) {
			found := report.Partitions[partition]
			if found != nil && (offset < 0 || offset > found.End) {
				report.problem(path.Join(dir, name), "%s has offset %d, its log is [%d, %d)", partition, offset, found.Start, found.End)
			}
		}
	}
}
