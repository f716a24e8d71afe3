// A stream of bytes in pieces, with the count read: what the JSON parser reads from, and where error messages
// get their position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"

namespace orrery::profiler {

class ByteSource {
 public:
  /// `name` stands for the stream in messages.
  ByteSource(std::istream& stream, std::string name)
      : stream_(stream), name_(std::move(name)), buffer_(std::size_t{1} << 16) {
    Fill();
  }

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
    stream_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    if (stream_.bad()) throw InputError(Place{name_}, fmt::format("cannot be read beyond byte {}", before_));
    size_ = static_cast<std::size_t>(stream_.gcount());
    next_ = 0;
  }

  static constexpr std::uint64_t kMostUnmarked = std::uint64_t{64} << 20;

  std::istream& stream_;
  std::string name_;
  std::vector<char> buffer_;
  std::size_t next_ = 0, size_ = 0;
  std::uint64_t before_ = 0, mark_ = 0;
};

}  // namespace orrery::profiler
