// Files of other tools that are given where one of ours is expected: recognised by what they hold, so that
// the refusal can say what they are and what to do with them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace orrery {

/// How much of a file is looked at.
inline constexpr std::size_t kForeignStart = std::size_t{1} << 16;

/// "a result of nvbench, which Orrery does not read: ..." of a file that begins so; absent if it is none that
/// is known. Known: results of nvbench and Google Benchmark, logs of DeepGEMM, FlashMLA and DeepEP, XPlane
/// profiles, Chakra and PyTorch execution traces, output of rocprof, Nsight Systems and Nsight Compute,
/// memory snapshots.
std::optional<std::string> ForeignFile(std::string_view start);

/// InputError that names it, if the file is one of those; nothing of a file that is not regular or cannot be
/// read.
void RefuseForeignFile(const std::filesystem::path& file);

}  // namespace orrery
