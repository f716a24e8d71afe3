// Reads a gzip file as it is unpacked.
#pragma once

#include <cstddef>
#include <istream>
#include <memory>
#include <string>

namespace orrery::profiler {

class Gunzip {
 public:
  /// `name` is the file's in messages.
  Gunzip(std::istream& stream, std::string name);
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  /// Up to `size` unpacked bytes; 0 at the end. Files put together are read one after another. InputError if
  /// the file is damaged or cut off.
  std::size_t Read(char* to, std::size_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether the stream is at the start of a gzip file; takes nothing from it.
bool StartsAsGzip(std::istream& stream);

}  // namespace orrery::profiler
