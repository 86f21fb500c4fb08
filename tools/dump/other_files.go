package dump

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gregor-broker/gregor/log/index"
	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/vfs"
	"github.com/gregor-broker/gregor/tools/command"
)

func (d *dumper) dumpProducerSnapshot(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return noSuchFile("java.nio.file.NoSuchFileException", file, err)
	}
	producers, err := producerstate.DecodeSnapshot(data)
	if err != nil {
		d.out.Flush()
		fmt.Fprintln(d.stderr, strings.TrimPrefix(err.Error(), producerstate.ErrCorruptSnapshot.Error()+": "))
		return nil
	}
	for i := range producers {
		producer := &producers[i]
		open := "None"
		if producer.CurrentTxnFirstOffset >= 0 {
			open = fmt.Sprintf("Some(%d)", producer.CurrentTxnFirstOffset)
		}
		fmt.Fprintf(d.out, "producerId: %d producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: %s lastTimestamp: %d ",
			producer.ProducerID, producer.ProducerEpoch, producer.CoordinatorEpoch, open, producer.LastTimestamp)
		if batch := producer.LastBatch(); batch != nil {
			fmt.Fprintf(d.out, "firstSequence: %d lastSequence: %d lastOffset: %d offsetDelta: %d timestamp: %d",
				batch.FirstSequence(), batch.LastSequence, batch.LastOffset, batch.OffsetDelta, batch.Timestamp)
		}
		d.out.WriteByte('\n')
	}
	return nil
}

func (d *dumper) dumpTxnIndex(file string) error {
	base, _, err := baseOffset(file)
	if err != nil {
		return err
	}
	aborted, err := index.NewTransactionIndex(vfs.OS, file, base).All()
	if errors.Is(err, index.ErrCorrupt) {
		return command.Throw("org.apache.kafka.common.KafkaException", "%v", err)
	}
	if err != nil {
		return command.Throw("java.io.IOException", "%v", err)
	}
	for _, txn := range aborted {
		fmt.Fprintf(d.out, "version: 0 producerId: %d firstOffset: %d lastOffset: %d lastStableOffset: %d\n",
			txn.ProducerID, txn.FirstOffset, txn.LastOffset, txn.LastStableOffset)
	}
	return nil
}
