#include "profiler/trace/gunzip.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <zlib.h>

#include "core/base/error.h"

namespace orrery::profiler {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's manual: the largest window, with a gzip header and no other
constexpr std::size_t kPiece = std::size_t{1} << 18;

}  // namespace

struct Gunzip::State {
  std::istream& stream;
  std::string name;
  z_stream zlib{};
  std::vector<char> packed = std::vector<char>(kPiece);
  std::uint64_t read = 0;      // packed bytes
  bool between_files = false;  // one has ended, and another may follow

  State(std::istream& s, std::string n) : stream(s), name(std::move(n)) {
    ORRERY_CHECK(inflateInit2(&zlib, kGzipWindow) == Z_OK, "zlib cannot start");
  }
  ~State() { inflateEnd(&zlib); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Whether there are packed bytes.
  bool Fill() {
    if (zlib.avail_in > 0) return true;
    stream.read(packed.data(), static_cast<std::streamsize>(packed.size()));
    const auto got = static_cast<std::size_t>(stream.gcount());
    read += got;
    zlib.next_in = reinterpret_cast<Bytef*>(packed.data());
    zlib.avail_in = static_cast<uInt>(got);
    return got > 0;
  }
  [[noreturn]] void Fail(const std::string& what) const {
    throw InputError(Place{name},
                     fmt::format("gzip: {} at compressed byte {}: copy it whole, or record it again", what,
                                 read - zlib.avail_in));
  }
};

Gunzip::Gunzip(std::istream& stream, std::string name)
    : state_(std::make_unique<State>(stream, std::move(name))) {}
Gunzip::~Gunzip() = default;

std::size_t Gunzip::Read(char* to, std::size_t size) {
  State& s = *state_;
  s.zlib.next_out = reinterpret_cast<Bytef*>(to);
  const auto room = static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
  s.zlib.avail_out = room;
  while (s.zlib.avail_out == room) {
    if (!s.Fill()) {
      if (s.between_files) return 0;
      s.Fail("cut off");
    }
    if (s.between_files) {
      inflateReset(&s.zlib);
      s.between_files = false;
    }
    const int status = inflate(&s.zlib, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      s.between_files = true;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      s.Fail("damaged");
    }
  }
  return room - s.zlib.avail_out;
}

bool StartsAsGzip(std::istream& stream) { return stream.peek() == 0x1f; }

}  // namespace orrery::profiler
