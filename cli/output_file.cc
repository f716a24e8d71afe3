#include "cli/output_file.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include <unistd.h>

#include "core/error.h"

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as many as Linux follows

[[noreturn]] void Fail(const std::string& file) { throw InputError("cannot write '" + file + "'"); }

/// Renaming onto a device or pipe would replace it; they are written through.
bool IsSpecial(const std::string& file) {
  std::error_code error;
  return fs::exists(file, error) && !fs::is_regular_file(file, error);
}

void WriteStream(const fs::path& path, const Output& output) {
  std::ofstream stream(path, std::ios::binary);
  stream << output.text;
  stream.close();
  if (!stream) Fail(output.file);
}

void WriteStandardOutput(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw InputError("cannot write to standard output");
  }
}

/// A link's target, that exists or not: renaming onto the link would replace the link.
fs::path Target(const std::string& file) {
  fs::path path = file;
  std::error_code error;
  for (int links = 0; links < kMostLinks && fs::is_symlink(path, error); ++links)
    path = path.parent_path() / fs::read_symlink(path, error);
  if (fs::is_symlink(path, error)) Fail(file);
  return path;
}

/// A file's temporary beside it; removed unless it was renamed.
class StagedFile {
 public:
  explicit StagedFile(const Output& output) : output_(output.file), file_(Target(output.file)) {
    temporary_ = file_;
    temporary_ += ".tmp" + std::to_string(::getpid());
    try {
      WriteStream(temporary_, output);
    } catch (...) {
      Remove();
      throw;
    }
  }
  StagedFile(StagedFile&& other) noexcept
      : output_(std::move(other.output_)),
        file_(std::move(other.file_)),
        temporary_(std::exchange(other.temporary_, {})) {}
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;
  StagedFile& operator=(StagedFile&&) = delete;
  ~StagedFile() { Remove(); }

  void Rename() {
    std::error_code error;
    fs::rename(temporary_, file_, error);
    if (error) Fail(output_);
    temporary_.clear();
  }

 private:
  void Remove() {
    std::error_code ignored;
    if (!temporary_.empty()) fs::remove(temporary_, ignored);
  }
  std::string output_;
  fs::path file_, temporary_;
};

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

void WriteOutput(const std::string& file, const std::string& text) { WriteOutputs({{file, text}}); }

void WriteOutputs(const std::vector<Output>& outputs) {
  std::vector<StagedFile> staged;
  for (const Output& output : outputs) {
    if (output.file != "-" && !IsSpecial(output.file)) staged.emplace_back(output);
  }
  // What cannot be taken back comes after what may still fail, and before the files appear.
  for (const Output& output : outputs) {
    if (output.file != "-" && IsSpecial(output.file)) WriteStream(output.file, output);
  }
  for (const Output& output : outputs) {
    if (output.file == "-") WriteStandardOutput(output.text);
  }
  for (StagedFile& file : staged) file.Rename();
}

bool Report::TakesStandardOutput() const {
  return std::any_of(outputs_.begin(), outputs_.end(), [](const Output& o) { return o.file == "-"; });
}

}  // namespace orrery::cli
