package zkserver

import "github.com/gregor-broker/gregor/zkutil/jute"

// decoder reads the records of requests and of the data directory.
type decoder struct{ jute.Decoder }

func newDecoder(buf []byte) decoder {
	return decoder{jute.Decoder{Buf: buf}}
}

// encoder writes the records of replies and of the data directory.
type encoder struct{ jute.Encoder }

func newEncoder(buf []byte) encoder {
	return encoder{jute.Encoder{Buf: buf}}
}
