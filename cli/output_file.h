// What a command writes and where: checked before work begins, collected, written together.
#pragma once

#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/base/text.h"

namespace orrery::cli {

/// Refuses outputs that would overwrite an input or another output, and more than one output on standard
/// output ("-"). Paths are compared weakly canonical, so links and "./" do not hide that two are one file;
/// empty names and, among outputs, devices and pipes are left aside. To be called before anything is read or
/// written. InputError naming both.
void RequireDistinct(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);

/// What a command writes: its text, to standard output unless a file format asks for that, and the formats
/// asked for. Collected first and written together.
class Report {
 public:
  /// Adds `render()` to `file`; nothing if `file` is empty, so that a format not asked for is not rendered.
  template <typename Render>
  void Add(const std::string& file, Render render) {
    if (!file.empty()) outputs_.push_back({file, render()});
  }
  /// Adds the text unless an output was added for "-"; to be called after all `Add`. It is for a terminal:
  /// what one would obey, from a name in the input, is escaped.
  template <typename Render>
  void AddText(Render render) {
    if (!TakesStandardOutput()) outputs_.push_back({"-", PrintableLines(render())});
  }
  /// WriteOutputs of what was added.
  void Write() const { WriteOutputs(outputs_); }

 private:
  bool TakesStandardOutput() const;
  std::vector<Output> outputs_;
};

}  // namespace orrery::cli
