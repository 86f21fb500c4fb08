package record

const (
	minMessageSizeV0 = 14
	minMessageSizeV1 = 22

	legacyCRCAt        = 12
	legacyAttributesAt = 17
	legacyTimestampAt  = 18
)
