#include "scenarios/schema/file_kind.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/foreign_file.h"
#include "core/config/document.h"
#include "scenarios/schema/calibration_field.h"

namespace orrery::scenarios {
namespace {

constexpr std::array<std::string_view, 10> kWords = {
    "an unknown file",          "a pre-training scenario", "an attention scenario",         "a session",
    "a model's config.json",    "recorded expert loads",   "a trace of PyTorch's profiler", "a kernel log",
    "a measurement of kernels", "a kernel table"};

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Of JSON texts: a key or phrase near the beginning, the first that is there counts.
struct Marker {
  std::string_view text;
  FileKind kind;
};
constexpr std::array<Marker, 9> kMarkers = {{{"\"orrery-kernel-log\"", FileKind::kKernelLog},
                                             {"\"orrery-measurements\"", FileKind::kMeasurement},
                                             {"\"traceEvents\"", FileKind::kTrace},
                                             {"\"logical_count\"", FileKind::kExpertLoads},
                                             {"\"physical_count\"", FileKind::kExpertLoads},
                                             {"\"expert_load\"", FileKind::kExpertLoads},
                                             {"\"expert_load_pass\"", FileKind::kExpertLoads},
                                             {"\"model_type\"", FileKind::kHuggingFace},
                                             {"\"weight\"", FileKind::kExpertLoads}}};

FileKind KindOfJson(std::string_view start) {
  for (const Marker& marker : kMarkers)
    if (Has(start, marker.text)) return marker.kind;
  const std::size_t second = start.find_first_not_of(" \t\r\n", start.find('[') + 1);
  const bool table = start.front() == '[' && second != std::string_view::npos && start[second] == '[';
  return table ? FileKind::kExpertLoads : FileKind::kUnknown;  // EPLB's weights are a bare array
}

/// The first line that is no comment has a column of layers.
bool IsLoadsCsv(std::string_view text) {
  while (text.starts_with('#') || text.starts_with('\n'))
    text.remove_prefix(std::min(text.find('\n', 1) + 1, text.size()));
  const std::string line = FoldName(text.substr(0, text.find('\n')));
  return Has(text.substr(0, text.find('\n')), ",") && Has(line, "layer");
}

std::optional<FileKind> KindOfYaml(const std::filesystem::path& file) {
  try {
    const Document document = Document::Load(file);
    const Value& root = document.root();
    if (root.Find("orrery_session") != nullptr) return FileKind::kSession;
    if (root.Find("tables") != nullptr && root.Find("device") != nullptr) return FileKind::kKernelTable;
    const Value* workload = root.Find("workload");
    if (workload == nullptr || !workload->is_map() || workload->Find("kind") == nullptr) return std::nullopt;
    const std::string& kind = workload->At("kind").AsString();
    if (kind == "attention") return FileKind::kAttention;
    return FileKind::kPretraining;  // its reader names the kinds there are
  } catch (const InputError&) {
    return std::nullopt;
  }
}

FoundFile Unknown(std::string_view found) {
  std::string known;
  for (std::size_t k = 1; k < kWords.size(); ++k)
    known += fmt::format("{}{}", k == 1 ? "" : k + 1 == kWords.size() ? " or " : ", ", kWords[k]);
  return {FileKind::kUnknown, fmt::format("{}; expected {}", found, known)};
}

}  // namespace

std::string_view FileKindWords(FileKind kind) { return kWords[static_cast<std::size_t>(kind)]; }

FoundFile KindOfFile(const std::filesystem::path& file) {
  if (!IsFile(file)) return Unknown(fmt::format("{}: no such file", file.string()));
  const std::string start = ReadStart(file, kForeignStart);
  const std::string name = file.string();
  if (const auto foreign = ForeignFile(start)) return {FileKind::kUnknown, name + ": " + *foreign};
  const std::size_t first = start.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string::npos) return Unknown(name + ": nothing in it");
  const std::string_view text = std::string_view(start).substr(first);
  if (start.starts_with("\x1f\x8b")) return {FileKind::kTrace, {}};  // only traces are read packed
  if (text.front() == '{' || text.front() == '[') {
    if (const FileKind kind = KindOfJson(text); kind != FileKind::kUnknown) return {kind, {}};
  }
  if (const std::optional<FileKind> kind = KindOfYaml(file)) return {*kind, {}};
  if (IsLoadsCsv(text)) return {FileKind::kExpertLoads, {}};
  return Unknown(name + ": none of the files that are read");
}

}  // namespace orrery::scenarios
