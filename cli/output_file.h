#pragma once

#include <string>
#include <vector>

namespace orrery::cli {

/// A whole text and where it goes; "-" is standard output.
struct Output {
  std::string file, text;
};

/// Refuses outputs that would overwrite an input or another output, and more than one output on standard
/// output ("-"). Paths are compared weakly canonical, so links and "./" do not hide that two are one file;
/// empty names and, among outputs, devices and pipes are left aside. To be called before anything is read or
/// written. InputError naming both.
void RequireDistinct(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);

/// Writes `text` to `file` whole or not at all (a temporary beside it, then renamed); "-" is standard output,
/// and a link is written through.
/// InputError naming the file if it cannot be written.
void WriteOutput(const std::string& file, const std::string& text);

/// Writes all outputs or, as far as the file system allows, none: every file is written to its temporary
/// before the first is renamed. InputError naming the one that cannot be written.
void WriteOutputs(const std::vector<Output>& outputs);

/// What a command writes: its text, to standard output unless a file format asks for that, and the formats
/// asked for. Collected first and written together.
class Report {
 public:
  /// Adds `render()` to `file`; nothing if `file` is empty, so that a format not asked for is not rendered.
  template <typename Render>
  void Add(const std::string& file, Render render) {
    if (!file.empty()) outputs_.push_back({file, render()});
  }
  /// Adds the text unless an output was added for "-"; to be called after all `Add`.
  template <typename Render>
  void AddText(Render render) {
    if (!TakesStandardOutput()) outputs_.push_back({"-", render()});
  }
  /// WriteOutputs of what was added.
  void Write() const { WriteOutputs(outputs_); }

 private:
  bool TakesStandardOutput() const;
  std::vector<Output> outputs_;
};

}  // namespace orrery::cli
