// A fault of a value that was filled in memory or read long ago: it knows the key, not the line.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/config/document.h"

namespace orrery {

/// What a check of plain data throws. what() is "parallelism.expert: expected a divisor of data (128)". A
/// face that has the document which the data came from gives the error its line: `WithPlaces`.
class KeyError : public InputError {
 public:
  /// `path` as in messages: "parallelism.expert", "parallelism.layers_per_stage[3]", "" for the whole.
  KeyError(std::string path, std::string message)
      : InputError(path.empty() ? message : path + ": " + message),
        path_(std::move(path)),
        message_(std::move(message)) {}
  const std::string& path() const { return path_; }
  const std::string& message() const { return message_; }

 private:
  std::string path_, message_;
};

/// The same with its place in a document: what() begins with it.
class PlacedKeyError : public InputError {
 public:
  PlacedKeyError(const InputError& placed, const KeyError& error)
      : InputError(placed), path_(error.path()), message_(error.message()) {}
  const std::string& path() const { return path_; }
  const std::string& message() const { return message_; }

 private:
  std::string path_, message_;
};

/// The value at a path such as "cluster.device" or "stages[2].layers"; nullptr where there is none.
const Value* FindPath(const Value& root, std::string_view path);

/// `error` with the place of its key. Where the document does not have the key, the place of the nearest key
/// around it, and the path that is missing in the message.
PlacedKeyError Located(const KeyError& error, const Value& root);

/// What `make` returns; a KeyError in it gets its place in `root`.
template <class F>
auto WithPlaces(const Value& root, F&& make) -> decltype(make()) {
  try {
    return make();
  } catch (const KeyError& error) {
    throw Located(error, root);
  }
}

}  // namespace orrery
