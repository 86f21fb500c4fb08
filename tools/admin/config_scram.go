package admin

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tools/command"
)

// scramMechanisms are the SCRAM mechanisms, as ScramMechanism.
var scramMechanisms = map[string]struct {
	id    int8
	name  string
	hash  func() hash.Hash
	bytes int
}{
	"SCRAM-SHA-256": {1, "SCRAM_SHA_256", sha256.New, sha256.Size},
	"SCRAM-SHA-512": {2, "SCRAM_SHA_512", sha512.New, sha512.Size},
}

const (
	minScramIterations = 4096
	scramSaltBytes     = 32
)

var scramCredential = regexp.MustCompile(`^(?:iterations=(-?[0-9]*),)?password=(.*)$`)

// parseScram reads [iterations=8192,]password=secret.
func parseScram(mechanism, text string) (iterations int, password string, err error) {
	fields := scramCredential.FindStringSubmatch(text)
	if fields == nil {
		return 0, "", illegal("Invalid credential property %s=%s", scramMechanisms[mechanism].name, text)
	}
	iterations = minScramIterations
	if fields[1] != "-1" && strings.Contains(text, "iterations=") && fields[0] != "password="+fields[2] {
		if iterations, err = strconv.Atoi(fields[1]); err != nil {
			return 0, "", illegal("For input string: \"%s\"", fields[1])
		}
	}
	if iterations < minScramIterations {
		return 0, "", illegal("Iterations %d is less than the minimum %d required for %s", iterations, minScramIterations, mechanism)
	}
	return iterations, fields[2], nil
}

func (s *configService) alterScram(user string, added map[string]string, deleted []string) error {
	request := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	for _, mechanism := range deleted {
		row := kmsg.NewAlterUserSCRAMCredentialsRequestDeletion()
		row.Name, row.Mechanism = user, scramMechanisms[mechanism].id
		request.Deletions = append(request.Deletions, row)
	}
	for _, mechanism := range keysOf(added) {
		row, err := scramUpsertion(user, mechanism, added[mechanism])
		if err != nil {
			return err
		}
		request.Upsertions = append(request.Upsertions, row)
	}
	response, err := command.Do[*kmsg.AlterUserSCRAMCredentialsResponse](s.admin, request)
	if err != nil {
		return command.Executed(err)
	}
	for _, result := range response.Results {
		if err := command.ErrorOf(result.ErrorCode, result.ErrorMessage); err != nil {
			return command.Executed(err)
		}
	}
	return nil
}

func scramUpsertion(user, mechanism, text string) (kmsg.AlterUserSCRAMCredentialsRequestUpsertion, error) {
	row := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	iterations, password, err := parseScram(mechanism, text)
	if err != nil {
		return row, err
	}
	known := scramMechanisms[mechanism]
	row.Name, row.Mechanism, row.Iterations = user, known.id, int32(iterations)
	row.Salt = make([]byte, scramSaltBytes)
	rand.Read(row.Salt) //nolint:errcheck // never fails
	row.SaltedPassword, err = pbkdf2.Key(known.hash, password, row.Salt, iterations, known.bytes)
	return row, err
}

// storedScram reads [iterations=8192,]password=secret, which may name fewer forms than
// parseScram's.
var storedScram = regexp.MustCompile(`^(?:iterations=([0-9]*),)?password=(.*)$`)

// prepareUserConfigs makes credentials, as they are stored, of the passwords given for
// SCRAM mechanisms (ConfigCommand.preProcessScramCredentials). Other settings are
// refused.
func prepareUserConfigs(added map[string]string, deleted []string, refusal string) error {
	for _, name := range slices.Concat(slices.Collect(maps.Keys(added)), deleted) {
		if !slices.Contains(scramConfigs, name) {
			return illegal("%s. %s", refusal, onlyScramForUsers)
		}
	}
	for _, mechanism := range scramConfigs {
		text, there := added[mechanism]
		if !there {
			continue
		}
		credential, err := storedScramCredential(mechanism, text)
		if err != nil {
			return err
		}
		added[mechanism] = credential
	}
	return nil
}

// storedScramCredential is ScramCredentialUtils.credentialToString of a new credential.
func storedScramCredential(mechanism, text string) (string, error) {
	known := scramMechanisms[mechanism]
	fields := storedScram.FindStringSubmatch(text)
	if fields == nil {
		return "", illegal("Invalid credential property %s=%s", known.name, text)
	}
	iterations := minScramIterations
	if !strings.HasPrefix(text, "password=") {
		var err error
		if iterations, err = strconv.Atoi(fields[1]); err != nil {
			return "", illegal("For input string: \"%s\"", fields[1])
		}
	}
	if iterations < minScramIterations {
		return "", illegal("Iterations %d is less than the minimum %d required for %s", iterations, minScramIterations, known.name)
	}
	salt := make([]byte, scramSaltBytes)
	rand.Read(salt) //nolint:errcheck // never fails
	salted, err := pbkdf2.Key(known.hash, fields[2], salt, iterations, known.bytes)
	if err != nil {
		return "", err
	}
	sum := func(text string) []byte {
		mac := hmac.New(known.hash, salted)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := known.hash()
	stored.Write(sum("Client Key"))
	base64Text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("salt=%s,stored_key=%s,server_key=%s,iterations=%d",
		base64Text(salt), base64Text(stored.Sum(nil)), base64Text(sum("Server Key")), iterations), nil
}

func (s *configService) describeScram() error {
	request := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	for _, name := range s.entities.names {
		user := kmsg.NewDescribeUserSCRAMCredentialsRequestUser()
		user.Name = name
		request.Users = append(request.Users, user)
	}
	response, err := command.Do[*kmsg.DescribeUserSCRAMCredentialsResponse](s.admin.Within(resourceTimeout), request)
	if err == nil {
		err = command.ErrorOf(response.ErrorCode, response.ErrorMessage)
	}
	if err != nil {
		return command.Executed(err)
	}
	for _, result := range response.Results {
		s.printScram(result)
	}
	return nil
}

// resourceNotFound is the error of a user without credentials, who is left out.
const resourceNotFound = 91

func (s *configService) printScram(result kmsg.DescribeUserSCRAMCredentialsResponseResult) {
	if result.ErrorCode == resourceNotFound {
		return
	}
	if err := command.ErrorOf(result.ErrorCode, result.ErrorMessage); err != nil {
		fmt.Fprintf(s.stdout, "Error retrieving SCRAM credential configs for user-principal '%s': ExecutionException: %s\n", result.User, command.ExceptionText(err))
		return
	}
	var credentials []string
	for _, info := range result.CredentialInfos {
		mechanism := "UNKNOWN"
		for name, known := range scramMechanisms {
			if known.id == info.Mechanism {
				mechanism = name
			}
		}
		credentials = append(credentials, fmt.Sprintf("%s=iterations=%d", mechanism, info.Iterations))
	}
	fmt.Fprintf(s.stdout, "SCRAM credential configs for user-principal '%s' are %s\n", result.User, strings.Join(credentials, ", "))
}
