package zkdata

import (
	"errors"
	"fmt"
	"strconv"
)

// ControllerPath is the ephemeral node of the active controller.
const ControllerPath = "/controller"

// ControllerEpochPath holds the controller epoch; its data version is the token
// that fences every write of a controller.
const ControllerEpochPath = "/controller_epoch"

// Values of a cluster that never had a controller (KafkaController's constants).
const (
	InitialControllerEpoch          = 0
	InitialControllerEpochZkVersion = 0
)

// EncodeController gives the value of /controller. It mirrors ControllerZNode.
func EncodeController(brokerID int32, timestampMs int64) []byte {
	return object{
		{"version", 1},
		{"brokerid", brokerID},
		{"timestamp", strconv.FormatInt(timestampMs, 10)},
	}.encode()
}

// DecodeController reads the controller's broker id; found is false when the
// bytes are no JSON.
func DecodeController(data []byte) (brokerID int32, found bool, err error) {
	f, err := parseObject(data)
	if errors.Is(err, errNotJSON) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", ControllerPath, err)
	}
	id, err := f.int32("brokerid")
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", ControllerPath, err)
	}
	return id, true, nil
}

// EncodeControllerEpoch gives the value of /controller_epoch: decimal digits.
func EncodeControllerEpoch(epoch int32) []byte {
	return strconv.AppendInt(nil, int64(epoch), 10)
}

// DecodeControllerEpoch reads /controller_epoch.
func DecodeControllerEpoch(data []byte) (int32, error) {
	epoch, err := strconv.ParseInt(string(data), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %q", ControllerEpochPath, ErrMalformed, clip(data))
	}
	return int32(epoch), nil
}
