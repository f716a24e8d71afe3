// A stream of bytes in pieces, with the count read: what the JSON parser reads from, and where error messages get
// their position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery::profiler {

class ByteSource {
 public:
  /// Puts up to so many bytes there and returns how many; 0 at the end.
  using Reader = std::function<std::size_t(char*, std::size_t)>;

  /// `name` stands for the source in messages.
  ByteSource(Reader read, std::string name)
      : read_(std::move(read)), name_(std::move(name)), buffer_(std::size_t{1} << 16) {
    Fill();
  }
  ByteSource(std::istream& stream, const std::string& name)
      : ByteSource(
            [&stream, name, read = std::uint64_t{0}](char* to, std::size_t size) mutable {
              stream.read(to, static_cast<std::streamsize>(size));
              if (stream.bad())
                throw InputError(Place{name}, fmt::format("cannot be read beyond byte {}", read));
              read += static_cast<std::uint64_t>(stream.gcount());
              return static_cast<std::size_t>(stream.gcount());
            },
            name) {}

  /// The first piece, so long as nothing was taken beyond it.
  std::string_view Start() const { return {buffer_.data(), size_}; }

  bool AtEnd() const { return next_ == size_; }
  char Current() const { return buffer_[next_]; }
  void Advance() {
    if (++next_ == size_) Fill();
  }
  /// Says that what was handed out has been taken in. InputError from Advance if that does not happen within
  /// 64 MiB: the parser would keep a single text of any length.
  void Mark() { mark_ = position(); }
  /// Bytes handed out so far.
  std::uint64_t position() const { return before_ + next_; }

  /// An input iterator over the source; all iterators of one source share its position.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = char;

    Iterator() = default;
    explicit Iterator(ByteSource* source) : source_(source) {}
    char operator*() const { return source_->Current(); }
    Iterator& operator++() {
      source_->Advance();
      return *this;
    }
    void operator++(int) { source_->Advance(); }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.Ended() == b.Ended(); }

   private:
    bool Ended() const { return source_ == nullptr || source_->AtEnd(); }
    ByteSource* source_ = nullptr;
  };
  Iterator begin() { return Iterator(this); }
  Iterator end() { return {}; }

 private:
  void Fill() {
    before_ += size_;
    if (before_ > mark_ + kMostUnmarked)
      throw InputError(Place{name_},
                       fmt::format("a single value of more than {} MiB ends at byte {} or later",
                                   kMostUnmarked >> 20, before_));
    size_ = read_(buffer_.data(), buffer_.size());
    next_ = 0;
  }

  static constexpr std::uint64_t kMostUnmarked = std::uint64_t{64} << 20;

  Reader read_;
  std::string name_;
  std::vector<char> buffer_;
  std::size_t next_ = 0, size_ = 0;
  std::uint64_t before_ = 0, mark_ = 0;
};

}  // namespace orrery::profiler
