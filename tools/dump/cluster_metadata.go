package dump

import "github.com/gregor-broker/gregor/log/record"

func parseClusterMetadata(item *record.Record) (key, payload *string, err error) {
	return nil, text("Error at %d, skipping. ", item.Offset), nil
}
