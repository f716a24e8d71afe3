#include "core/base/inputs_read.h"

#include <algorithm>
#include <atomic>

#include <sys/stat.h>

#include "core/base/error.h"

namespace orrery {
namespace {

std::atomic<InputsRead*> current{nullptr};

/// Device and number of a regular file, which all of its names share.
std::optional<std::pair<dev_t, ino_t>> IdentityOf(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return std::pair{status.st_dev, status.st_ino};
}

}  // namespace

InputsRead::InputsRead() {
  InputsRead* none = nullptr;
  ORRERY_CHECK(current.compare_exchange_strong(none, this), "the files that are read are noted twice");
}

InputsRead::~InputsRead() { current = nullptr; }

void NoteInput(const std::filesystem::path& file) {
  InputsRead* const inputs = current;
  const auto identity = inputs == nullptr ? std::nullopt : IdentityOf(file);
  if (!identity) return;
  const std::scoped_lock lock(inputs->mutex_);
  const auto known = [&](const auto& input) { return input.first == *identity; };
  if (std::none_of(inputs->files_.begin(), inputs->files_.end(), known))
    inputs->files_.emplace_back(*identity, file.string());
}

std::optional<std::string> InputThatIs(const std::filesystem::path& file) {
  InputsRead* const inputs = current;
  const auto identity = inputs == nullptr ? std::nullopt : IdentityOf(file);
  if (!identity) return std::nullopt;
  const std::scoped_lock lock(inputs->mutex_);
  const auto same = [&](const auto& input) { return input.first == *identity; };
  const auto it = std::find_if(inputs->files_.begin(), inputs->files_.end(), same);
  return it == inputs->files_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace orrery
