package zkdata

import (
	"encoding/json"
	"fmt"
)

// Paths of delegation tokens (KIP-48).
const (
	DelegationTokenPath                     = "/delegation_token"
	DelegationTokensPath                    = DelegationTokenPath + "/tokens"
	DelegationTokenChangesPath              = DelegationTokenPath + "/token_changes"
	DelegationTokenChangePrefix             = "token_change_"
	DelegationTokenChangeSequencePath       = DelegationTokenChangesPath + "/" + DelegationTokenChangePrefix
	delegationTokenVersion            int32 = 1
)

// DelegationTokenInfoPath is the node of one token.
func DelegationTokenInfoPath(tokenID string) string { return DelegationTokensPath + "/" + tokenID }

// DelegationToken is what ZooKeeper keeps of a token; the HMAC is not among it.
// Principals are Type:name.
type DelegationToken struct {
	TokenID           string
	Owner             string
	Renewers          []string
	IssueTimestampMs  int64
	ExpiryTimestampMs int64
	MaxTimestampMs    int64
}

// EncodeDelegationToken gives the value of a token's node.
func EncodeDelegationToken(t DelegationToken) []byte {
	renewers := make([]string, len(t.Renewers))
	for i, r := range t.Renewers {
		renewers[i] = Sanitize(r)
	}
	return object{
		{"issueTimestamp", t.IssueTimestampMs},
		{"renewers", renewers},
		{"tokenId", t.TokenID},
		{"owner", Sanitize(t.Owner)},
		{"expiryTimestamp", t.ExpiryTimestampMs},
		{"maxTimestamp", t.MaxTimestampMs},
		{"version", delegationTokenVersion},
	}.encode()
}

// DecodeDelegationToken reads a token's node; found is false for one without data.
func DecodeDelegationToken(data []byte) (token DelegationToken, found bool, err error) {
	if len(data) == 0 {
		return DelegationToken{}, false, nil
	}
	f, err := parseObject(data)
	if err == nil {
		token, err = readDelegationToken(f)
	}
	if err != nil {
		return DelegationToken{}, false, fmt.Errorf("delegation token: %w", err)
	}
	return token, true, nil
}

func readDelegationToken(f fields) (t DelegationToken, err error) {
	version, err := f.int32("version")
	if err != nil {
		return t, err
	}
	if version != delegationTokenVersion {
		return t, fmt.Errorf("%w: version %d", ErrMalformed, version)
	}
	owner, err := f.text("owner")
	if err != nil {
		return t, err
	}
	if t.Owner, err = Desanitize(owner); err != nil {
		return t, err
	}
	if t.Renewers, err = list(f, "renewers", desanitizedOf); err != nil {
		return t, err
	}
	if t.IssueTimestampMs, err = f.int64("issueTimestamp"); err != nil {
		return t, err
	}
	if t.ExpiryTimestampMs, err = f.int64("expiryTimestamp"); err != nil {
		return t, err
	}
	if t.MaxTimestampMs, err = f.int64("maxTimestamp"); err != nil {
		return t, err
	}
	t.TokenID, err = f.text("tokenId")
	return t, err
}

func desanitizedOf(raw json.RawMessage) (string, error) {
	text, err := textOf(raw)
	if err != nil {
		return "", err
	}
	return Desanitize(text)
}
