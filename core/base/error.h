// The three kinds of failure, kept apart:
//   InputError      what the user gave is wrong: says where, what, and what was expected. Caught once per face.
//   ORRERY_CHECK    an invariant of ours is broken: prints the values and aborts.
//   std::optional   something is absent and the caller knows what to do.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace orrery {

/// Where in a user's file something stands. Lines and columns count from 1; 0 is unknown.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  /// "file:line:column", leaving out what is unknown.
  std::string Text() const;
};

/// The user's input is wrong. what() is one complete message, place first.
class InputError : public std::runtime_error {
 public:
  explicit InputError(std::string_view message);
  InputError(const Place& place, std::string_view message);
};

/// What is needed to do the work is not on this machine (no GPU, say): exit code 77, not the user's mistake.
class UnavailableError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `name` as names are compared: small letters, words parted by '-'.
std::string FoldName(std::string_view name);

/// Whether `name` is `words`, or begins with them up to the end of a word; both folded.
bool BeginsWithWords(std::string_view name, std::string_view words);

/// The known name that `name` most likely stands for, or "": one that goes on where it ends ("h200" for
/// h200-sxm); else one that differs by a slip, at most a letter in four; else one that it goes on from
/// ("Kimi-K2-Instruct" for kimi-k2), whatever stands before ("nvidia-h100"); else the nearest by edit
/// distance, at most half the letters off.
std::string NearestName(std::string_view name, const std::vector<std::string>& known);

/// NearestName as " (did you mean 'x'?)", or "" if none is near.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& known);

namespace internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression, const std::string& values);
}  // namespace internal

}  // namespace orrery

/// Aborts with the expression and a message when an invariant does not hold. On in every build.
#define ORRERY_CHECK(condition, message)                                                        \
  do {                                                                                          \
    if (!(condition)) ::orrery::internal::CheckFailed(__FILE__, __LINE__, #condition, message); \
  } while (false)
