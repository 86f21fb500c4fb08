package record

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// lz4Source reads one LZ4 frame as KafkaLZ4BlockInputStream does: version 1,
// independent blocks, ended by the end mark, content checksum not looked at.
type lz4Source struct {
	input         []byte
	maxBlock      int
	blockChecksum bool
	ended         bool
	block         []byte
	unread        []byte
}

const (
	lz4Magic          = 0x184D2204
	lz4Uncompressed   = 1 << 31
	lz4MinHeader      = 7
	lz4FlagVersion    = 0x40
	lz4FlagIndep      = 0x20
	lz4FlagBlockSum   = 0x10
	lz4FlagSize       = 0x08
	lz4FlagReserved   = 0x03
	lz4FlagVersions   = 0xC0
	lz4BlockSizeShift = 4
)

var (
	errLZ4Header    = errors.New("lz4: stream unsupported (invalid header)")
	errLZ4Checksum  = errors.New("lz4: stream frame descriptor or block corrupted")
	errLZ4Premature = errors.New("lz4: stream ended prematurely")
)

var lz4Sources = sync.Pool{New: func() any { return &lz4Source{} }}

func newLZ4Source(data []byte, ignoreHeaderChecksum bool) (decompressor, error) {
	source := lz4Sources.Get().(*lz4Source)
	source.input, source.unread, source.ended = data, nil, false
	if err := source.readHeader(ignoreHeaderChecksum); err != nil {
		source.release()
		return nil, decompressionError(err)
	}
	return source, nil
}

func (s *lz4Source) readHeader(ignoreChecksum bool) error {
	if len(s.input) < lz4MinHeader {
		return errLZ4Premature
	}
	if binary.LittleEndian.Uint32(s.input) != lz4Magic {
		return errLZ4Header
	}
	flags, descriptor := s.input[4], s.input[5]
	if flags&lz4FlagVersions != lz4FlagVersion || flags&lz4FlagIndep == 0 || flags&lz4FlagReserved != 0 {
		return errLZ4Header
	}
	sizeIndex := descriptor >> lz4BlockSizeShift
	if sizeIndex < 4 || sizeIndex > 7 || descriptor&0x0f != 0 {
		return errLZ4Header
	}
	s.maxBlock = 1 << (8 + 2*int(sizeIndex))
	s.blockChecksum = flags&lz4FlagBlockSum != 0
	end := 6
	if flags&lz4FlagSize != 0 {
		end += 8
	}
	if len(s.input) < end+1 {
		return errLZ4Premature
	}
	if !ignoreChecksum && s.input[end] != byte(xxhash32(s.input[4:end])>>8) {
		return errLZ4Checksum
	}
	s.input = s.input[end+1:]
	return nil
}

func (s *lz4Source) Read(to []byte) (int, error) {
	for len(s.unread) == 0 {
		if s.ended {
			return 0, io.EOF
		}
		if err := s.nextBlock(); err != nil {
			return 0, err
		}
	}
	n := copy(to, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}

func (s *lz4Source) nextBlock() error {
	if len(s.input) < 4 {
		return errLZ4Premature
	}
	size := binary.LittleEndian.Uint32(s.input)
	s.input = s.input[4:]
	stored := size&lz4Uncompressed != 0
	size &^= lz4Uncompressed
	if size == 0 {
		s.ended = true
		return nil
	}
	if int64(size) > int64(s.maxBlock) {
		return errLZ4Header
	}
	if len(s.input) < int(size) {
		return errLZ4Premature
	}
	data := s.input[:size]
	s.input = s.input[size:]
	if s.blockChecksum {
		if len(s.input) < 4 {
			return errLZ4Premature
		}
		if binary.LittleEndian.Uint32(s.input) != xxhash32(data) {
			return errLZ4Checksum
		}
		s.input = s.input[4:]
	}
	if stored {
		s.unread = data
		return nil
	}
	if len(s.block) < s.maxBlock {
		s.block = make([]byte, s.maxBlock)
	}
	n, err := lz4.UncompressBlock(data, s.block[:s.maxBlock])
	if err != nil {
		return err
	}
	s.unread = s.block[:n]
	return nil
}

func (s *lz4Source) release() {
	s.input, s.unread = nil, nil
	if len(s.block) > keptWindow {
		s.block = nil
	}
	lz4Sources.Put(s)
}

const (
	xxPrime1 = 2654435761
	xxPrime2 = 2246822519
	xxPrime3 = 3266489917
	xxPrime4 = 668265263
	xxPrime5 = 374761393
)

// xxhash32 is the checksum of LZ4 frames, with seed 0.
func xxhash32(data []byte) uint32 {
	hash := uint32(len(data))
	if len(data) >= 16 {
		prime1 := uint32(xxPrime1)
		lanes := [4]uint32{prime1 + xxPrime2, xxPrime2, 0, -prime1}
		for len(data) >= 16 {
			for i := range lanes {
				lanes[i] = bits.RotateLeft32(lanes[i]+binary.LittleEndian.Uint32(data[4*i:])*xxPrime2, 13) * xxPrime1
			}
			data = data[16:]
		}
		hash += bits.RotateLeft32(lanes[0], 1) + bits.RotateLeft32(lanes[1], 7) +
			bits.RotateLeft32(lanes[2], 12) + bits.RotateLeft32(lanes[3], 18)
	} else {
		hash += xxPrime5
	}
	for ; len(data) >= 4; data = data[4:] {
		hash = bits.RotateLeft32(hash+binary.LittleEndian.Uint32(data)*xxPrime3, 17) * xxPrime4
	}
	for _, b := range data {
		hash = bits.RotateLeft32(hash+uint32(b)*xxPrime5, 11) * xxPrime1
	}
	hash = (hash ^ hash>>15) * xxPrime2
	hash = (hash ^ hash>>13) * xxPrime3
	return hash ^ hash>>16
}
