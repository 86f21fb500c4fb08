package admin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"unicode/utf16"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/tools/command"
)

// What PasswordEncoder uses unless it is told otherwise. Other ciphers are left to
// Java.
const (
	passwordKeyFactory = "PBKDF2WithHmacSHA512"
	passwordCipher     = "AES/CBC/PKCS5Padding"
	passwordSaltBytes  = 256
)

// encodePassword encrypts a password as brokers store it in ZooKeeper (class
// PasswordEncoder). The settings are those of password.encoder.
func encodePassword(settings map[string]string, password string) (string, error) {
	properties := maps.Clone(settings)
	properties[config.ZookeeperConnect.Name] = "localhost:2181" // a broker's configuration has to have it
	cfg, err := config.NewBrokerConfig(properties)
	if err != nil {
		return "", configException(err)
	}
	if algorithm := config.PasswordEncoderCipherAlgorithm.Get(cfg); algorithm != passwordCipher {
		return "", command.Throw("java.security.NoSuchAlgorithmException", "Cannot find any provider supporting %s", algorithm)
	}
	length, iterations := config.PasswordEncoderKeyLength.Get(cfg), config.PasswordEncoderIterations.Get(cfg)
	salt, vector := make([]byte, passwordSaltBytes), make([]byte, aes.BlockSize)
	rand.Read(salt)   //nolint:errcheck // never fails
	rand.Read(vector) //nolint:errcheck // never fails
	key, err := pbkdf2.Key(sha512.New, config.PasswordEncoderSecret.Get(cfg), salt, iterations, length/8)
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", command.Throw("java.security.InvalidKeyException", "Invalid AES key length: %d bytes", length/8)
	}
	padding := aes.BlockSize - len(password)%aes.BlockSize
	encrypted := slices.Concat([]byte(password), slices.Repeat([]byte{byte(padding)}, padding))
	cipher.NewCBCEncrypter(block, vector).CryptBlocks(encrypted, encrypted)
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("keyFactoryAlgorithm:%s,cipherAlgorithm:%s,keyLength:%d,salt:%s,iterations:%d,encryptedPassword:%s,passwordLength:%d,initializationVector:%s",
		passwordKeyFactory, passwordCipher, length, text(salt), iterations, text(encrypted), len(utf16.Encode([]rune(password))), text(vector)), nil
}
