// Which files a command has read, so that what it writes does not destroy one of them: a scenario names models,
// devices, clusters, kernel tables and loads, and those name further files, so that only who opens a file knows
// that it is an input.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace orrery {

/// While it lives, every file that is read (ReadFile and its kin, NoteInput) is remembered, on whatever thread.
/// One at a time in a process; a command line holds one for a command, a program that lives on holds none.
class InputsRead {
 public:
  InputsRead();
  InputsRead(const InputsRead&) = delete;
  InputsRead& operator=(const InputsRead&) = delete;
  ~InputsRead();

 private:
  friend void NoteInput(const std::filesystem::path& file);
  friend std::optional<std::string> InputThatIs(const std::filesystem::path& file);
  using Identity = std::pair<dev_t, ino_t>;

  std::mutex mutex_;
  std::vector<std::pair<Identity, std::string>> files_;
};

/// Remembers a regular file that is about to be read; for readers that open files themselves.
void NoteInput(const std::filesystem::path& file);
/// The name under which `file` has been read, whatever links lead to it; absent where it has not been, or where
/// nothing is remembered.
std::optional<std::string> InputThatIs(const std::filesystem::path& file);

}  // namespace orrery
