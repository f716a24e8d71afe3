// What a file is, by what it holds and not by its name: for whoever is given one without a word.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace orrery::scenarios {

enum class FileKind : std::uint8_t {
  kUnknown,
  kPretraining,  ///< scenario
  kAttention,    ///< scenario
  kSession,      ///< variants compared in the window
  kHuggingFace,  ///< config.json of a model
  kExpertLoads,  ///< recorded: CSV, or JSON of SGLang, vLLM or EPLB
  kTrace,        ///< of PyTorch's profiler, packed or not
  kKernelLog,    ///< of the injection library
  kMeasurement,  ///< of kernels, by orrery profile
  kKernelTable,  ///< calibration
};
/// "a pre-training scenario", "a kernel log", ...
std::string_view FileKindWords(FileKind kind);

struct FoundFile {
  FileKind kind = FileKind::kUnknown;
  /// Of kUnknown: what was found instead and what would be read, a sentence. Else empty: whether the file is
  /// a good one of its kind its own reader says.
  std::string why;
};
/// Looks at the beginning of a file, of YAML at its keys.
FoundFile KindOfFile(const std::filesystem::path& file);

}  // namespace orrery::scenarios
