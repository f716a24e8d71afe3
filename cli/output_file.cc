#include "cli/output_file.h"

#include <algorithm>
#include <filesystem>

#include "core/base/error.h"

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;

/// A device or pipe, which any number of outputs may share.
bool IsSpecial(const std::string& file) {
  std::error_code error;
  return fs::exists(file, error) && !fs::is_regular_file(file, error);
}

fs::path Canonical(const std::string& file) {
  std::error_code error;
  const fs::path absolute = fs::absolute(file, error);
  const fs::path canonical = fs::weakly_canonical(absolute, error);
  return error ? absolute.lexically_normal() : canonical;
}

/// The member of `others` that is the same file as `file`; "" if none is.
std::string SameFile(const std::string& file, const std::vector<std::string>& others) {
  const fs::path path = Canonical(file);
  const auto same = [&](const std::string& other) {
    return !other.empty() && other != "-" && Canonical(other) == path;
  };
  const auto it = std::find_if(others.begin(), others.end(), same);
  return it == others.end() ? "" : *it;
}

}  // namespace

void RequireDistinct(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  if (std::count(outputs.begin(), outputs.end(), "-") > 1) {
    throw InputError("more than one output asks for standard output: give all but one a file");
  }
  std::vector<std::string> earlier;
  for (const std::string& output : outputs) {
    if (output.empty() || output == "-" || IsSpecial(output)) continue;
    if (const std::string input = SameFile(output, inputs); !input.empty()) {
      throw InputError("output '" + output + "' would overwrite the input '" + input + "'");
    }
    if (const std::string other = SameFile(output, earlier); !other.empty()) {
      throw InputError("outputs '" + other + "' and '" + output + "' are the same file");
    }
    earlier.push_back(output);
  }
}

bool Report::TakesStandardOutput() const {
  return std::any_of(outputs_.begin(), outputs_.end(), [](const Output& o) { return o.file == "-"; });
}

}  // namespace orrery::cli
