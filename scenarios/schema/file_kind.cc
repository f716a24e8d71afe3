#include "scenarios/schema/file_kind.h"

#include <array>
#include <string>
#include <utility>

#include "core/base/file.h"
#include "core/base/foreign_file.h"

namespace orrery::scenarios {
namespace {

constexpr std::size_t kLooksAt = std::size_t{1} << 20;

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

FileKind KindOfJson(std::string_view text) {
  // In this order: a trace may name a model, and a measurement has tables of numbers too.
  constexpr std::array<std::pair<std::string_view, FileKind>, 9> kMarks = {{
      {"\"traceEvents\"", FileKind::kTrace},
      {"\"orrery-kernel-log\"", FileKind::kTrace},
      {"\"orrery-measurements\"", FileKind::kMeasurement},
      {"\"orrery-comparison\"", FileKind::kMeasurement},
      {"\"model_type\"", FileKind::kModelConfig},
      {"\"logical_count\"", FileKind::kExpertLoads},
      {"\"expert_load\"", FileKind::kExpertLoads},
      {"\"expert_load_pass\"", FileKind::kExpertLoads},
      {"\"weight\"", FileKind::kExpertLoads},
  }};
  for (const auto& [mark, kind] : kMarks)
    if (Has(text, mark)) return kind;
  if (text.front() != '[') return FileKind::kUnknown;
  if (Has(text, "\"ph\"")) return FileKind::kTrace;
  const std::size_t second = text.find_first_not_of(" \t\r\n", 1);
  return second != std::string_view::npos && text[second] == '[' ? FileKind::kExpertLoads
                                                                 : FileKind::kUnknown;
}

}  // namespace

FileKind KindOfFile(const std::filesystem::path& file) {
  const std::string start = ReadStart(file, kLooksAt);
  if (start.starts_with("\x1f\x8b")) return FileKind::kTrace;  // packed: of these only traces are
  std::string_view text = start;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the mark of UTF-8
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return FileKind::kUnknown;
  text.remove_prefix(first);
  if (text.front() == '{' || text.front() == '[') {
    const FileKind kind = KindOfJson(text);
    if (kind != FileKind::kUnknown) return kind;
  }
  if (ForeignFile(start)) return FileKind::kUnknown;
  const std::string extension = file.extension().string();
  if (extension == ".csv") return FileKind::kExpertLoads;
  return extension == ".yaml" || extension == ".yml" ? FileKind::kScenario : FileKind::kUnknown;
}

std::string_view Words(FileKind kind) {
  switch (kind) {
    case FileKind::kScenario:
      return "a scenario";
    case FileKind::kModelConfig:
      return "a model's configuration";
    case FileKind::kExpertLoads:
      return "recorded expert loads";
    case FileKind::kTrace:
      return "a trace";
    case FileKind::kMeasurement:
      return "a measurement of kernels";
    case FileKind::kUnknown:
      return "of no known kind";
  }
  return "";
}

}  // namespace orrery::scenarios
